// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"fmt"
	"time"

	"tcpledger/internal/report"
	"tcpledger/internal/text"
	"tcpledger/query"
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

// coverage is what the hosts' checkpoints say about the window.
type coverage struct {
	open  []Open
	gaps  []Gap
	hosts int
	err   error
}

// covered reports whether every host's checkpoints cover the window.
func (c *coverage) covered() bool {
	return c.err == nil && c.hosts > 0 && len(c.open) == 0 && len(c.gaps) == 0
}

// known says how far the answer is known: it is final if the checkpoints of every host cover the window and the audit finds all that
// they promise.
func known(ctx context.Context, a *asked) []report.Section {
	var c coverage
	hosts, err := covered(ctx, a)
	c.hosts, c.err = len(hosts), err
	for _, h := range hosts {
		if open, ok := openOf(h, a.Window); ok {
			c.open = append(c.open, open)
		}
		for _, gap := range h.Gaps(a.Window) {
			c.gaps = append(c.gaps, Gap{h.Name(), gap.From, gap.To})
		}
	}
	audited, auditErr := audit(ctx, a)
	return []report.Section{final(&c, audited, auditErr), notYetKnown(&c, a), notWatched(&c, a), auditSection(&c, audited, auditErr)}
}

func covered(ctx context.Context, a *asked) ([]query.Coverage, error) {
	shared, err := a.client.SharedNames(ctx, a.Window, a.Filter)
	if err != nil {
		return nil, err
	}
	return a.client.Coverage(ctx, a.Window, a.Filter, shared)
}

func openOf(c query.Coverage, w query.Window) (Open, bool) {
	switch {
	case !c.Last.Before(w.To):
		return Open{}, false
	case c.Never():
		return Open{Host: c.Name()}, true
	}
	return Open{Host: c.Name(), From: &c.Last, Ended: c.Ended()}, true
}

func final(c *coverage, a *Audit, auditErr error) report.Section {
	yes := c.covered() && auditErr == nil && a.Verdict == query.Complete
	out := report.Section{Name: "final", Title: "Final", Data: yes}
	switch {
	case c.err != nil: // not_yet_known says so
	case yes:
		out.Notes = []string{fmt.Sprintf("every host's checkpoints cover the window, and all %s that they promise are there", count(a.Numbers.Promised, "number"))}
	case c.covered():
		out.Title, out.Notes = "Not final", []string{"every host's checkpoints cover the window; the audit does not find all that they promise"}
	}
	return out
}

func notYetKnown(c *coverage, a *asked) report.Section {
	out := report.Section{Name: "not_yet_known", Title: "Not yet known", Data: c.open, Err: c.err}
	if c.err == nil && c.hosts == 0 {
		out.Notes = []string{"no host sent a checkpoint near this window: nothing was watched, or nothing arrived yet"}
	}
	for _, o := range c.open {
		switch {
		case o.From == nil:
			out.Notes = append(out.Notes, o.Host+": the whole window; it has no checkpoint near the window")
		case o.Ended:
			out.Notes = append(out.Notes, o.Host+": its agent ended at "+a.show(*o.From)+"; nothing was watched after that")
		case o.From.Before(a.Window.From):
			out.Notes = append(out.Notes, o.Host+": the whole window; its last checkpoint is of "+a.show(*o.From))
		default:
			out.Notes = append(out.Notes, o.Host+": from "+a.show(*o.From)+" on, its last checkpoint; later endings may be missing")
		}
	}
	return out
}

// maxGaps is as many gaps as a person reads.
const maxGaps = 10

func notWatched(c *coverage, a *asked) report.Section {
	out := report.Section{Name: "not_watched", Title: "Not watched", Data: c.gaps}
	if c.err != nil {
		out.Data = nil
		return out
	}
	for i, g := range c.gaps {
		if i == maxGaps {
			out.Notes = append(out.Notes, fmt.Sprintf("… and %s more, see --format json", text.Count(uint64(len(c.gaps)-maxGaps))))
			break
		}
		out.Notes = append(out.Notes, g.Host+": from "+a.show(g.From)+" to "+a.show(g.To)+"; no agent ran, or it died with what it held")
	}
	return out
}
