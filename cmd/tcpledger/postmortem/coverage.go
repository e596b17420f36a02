// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"fmt"
	"strings"
	"time"

	"tcpledger/internal/text"
	"tcpledger/query"
	"tcpledger/query/when"
)

// Open is a host whose part of the answer is not final: From is its last checkpoint, nil if none is near the window. Ended means
// that its agent ended in order then, so that nothing more is to come.
type Open struct {
	Host  string     `json:"host"`
	From  *time.Time `json:"from"`
	Ended bool       `json:"agent_ended"`
}

// Gap is a part of the window that no agent of a host vouches for, and never will.
type Gap struct {
	Host string    `json:"host"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// cover says from each host's checkpoints what is open, what was not watched, and whether the answer is final.
func (r *Report) cover(w query.Window) {
	r.Open.Err, r.Gaps.Err = r.coverage.Err, r.coverage.Err
	hosts := r.coverage.Answer
	for _, c := range hosts {
		if open, ok := openOf(c, w); ok {
			r.Open.Answer = append(r.Open.Answer, open)
		}
		for _, gap := range c.Gaps(w) {
			r.Gaps.Answer = append(r.Gaps.Answer, Gap{c.Host, gap.From, gap.To})
		}
	}
	r.Final = r.covered() && r.Audit.Err == nil && r.Audit.Answer.Verdict == query.Complete
}

// covered reports whether every host's checkpoints cover the window.
func (r *Report) covered() bool {
	return r.coverage.Err == nil && len(r.coverage.Answer) > 0 && len(r.Open.Answer) == 0 && len(r.Gaps.Answer) == 0
}

func openOf(c query.Coverage, w query.Window) (Open, bool) {
	switch {
	case !c.Last.Before(w.To):
		return Open{}, false
	case c.Never():
		return Open{Host: c.Host}, true
	}
	return Open{Host: c.Host, From: &c.Last, Ended: c.Ended()}, true
}

func (r *Report) writeCoverage(b *strings.Builder, l Layout) {
	switch {
	case r.coverage.Err != nil:
		fmt.Fprintf(b, "\nFINAL   not known: %s\n", reason(r.coverage.Err))
	case r.Final:
		fmt.Fprintf(b, "\nFINAL   every host's checkpoints cover the window, and all %s that they promise are there\n", count(r.Audit.Answer.Numbers.Promised, "number"))
	case r.covered():
		b.WriteString("\nNOT FINAL  every host's checkpoints cover the window; the audit does not find all that they promise\n")
	case len(r.Open.Answer) == 0 && len(r.Gaps.Answer) == 0:
		b.WriteString("\nNOT YET KNOWN  no host sent a checkpoint near this window: nothing was watched, or nothing arrived yet\n")
	default:
		r.writeGaps(b, l)
		r.writeOpen(b, l)
	}
}

func (r *Report) writeOpen(b *strings.Builder, l Layout) {
	if len(r.Open.Answer) == 0 {
		return
	}
	b.WriteString("\nNOT YET KNOWN\n")
	for _, o := range r.Open.Answer {
		host := text.Printable(o.Host)
		switch {
		case o.From == nil:
			fmt.Fprintf(b, "  %s: the whole window; it has no checkpoint near the window\n", host)
		case o.Ended:
			fmt.Fprintf(b, "  %s: its agent ended at %s; nothing was watched after that\n", host, when.Show(o.From.In(l.Zone)))
		case o.From.Before(r.From):
			fmt.Fprintf(b, "  %s: the whole window; its last checkpoint is of %s\n", host, when.Show(o.From.In(l.Zone)))
		default:
			fmt.Fprintf(b, "  %s: from %s on, its last checkpoint; later endings may be missing\n", host, when.Show(o.From.In(l.Zone)))
		}
	}
}

// maxGaps is as many gaps as a person reads.
const maxGaps = 10

func (r *Report) writeGaps(b *strings.Builder, l Layout) {
	if len(r.Gaps.Answer) == 0 {
		return
	}
	b.WriteString("\nNOT WATCHED\n")
	for i, g := range r.Gaps.Answer {
		if i == maxGaps {
			fmt.Fprintf(b, "  … and %s more, see --format json\n", text.Count(uint64(len(r.Gaps.Answer)-maxGaps)))
			return
		}
		fmt.Fprintf(b, "  %s: from %s to %s; no agent ran, or it died with what it held\n", text.Printable(g.Host), when.Show(g.From.In(l.Zone)),
			when.Show(g.To.In(l.Zone)))
	}
}
