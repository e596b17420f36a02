// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tcpledger/internal/text"
	"tcpledger/query/when"
)

// Finding is a sentence of an audit. Case names its kind. Verdict is what it makes of the audit; Complete is a remark.
type Finding struct {
	Case    string  `ch:"case" json:"case"`
	Verdict Verdict `ch:"verdict" json:"verdict"`
	Host    string  `ch:"host" json:"host,omitempty"`
	Text    string  `ch:"text" json:"text"`
}

const (
	// silence is how long an agent may send no checkpoint: three times their period.
	silence = 30 * time.Second
	// underway is how long a record may take from its agent into its table.
	underway = time.Minute
)

// judge finds what is not as it should be and says it.
func (a *auditor) judge() {
	a.out.Verdict = Complete
	for _, s := range a.sessions {
		s.Verdict = Complete
		a.judgeNumbers(s)
		a.judgeEnd(s)
		a.out.Total.add(&s.Numbers)
		a.out.Sessions = append(a.out.Sessions, *s)
	}
	a.judgeTables()
	a.judgeNames()
	for _, u := range a.out.unread {
		a.find(nil, "skipped offsets", Complete, "", "%s partition %d, offset %d: nobody read it (%s); numbers it held are in no table", u.Topic, u.Partition, u.Offset,
			u.Reason)
	}
	if len(a.sessions) == 0 {
		a.find(nil, "no checkpoint", NotKnown, a.filter.Host, "no host sent a checkpoint near this window: nothing was watched, or nothing arrived yet")
	}
	slices.SortFunc(a.out.Sessions, func(x, y Audited) int {
		return cmp.Or(byVerdict(y.Verdict, x.Verdict), cmp.Compare(y.Missing, x.Missing), cmp.Compare(x.Host, y.Host), x.Since.Compare(y.Since), cmp.Compare(x.Session, y.Session))
	})
	slices.SortFunc(a.out.Findings, func(x, y Finding) int {
		return cmp.Or(byVerdict(y.Verdict, x.Verdict), cmp.Compare(x.Host, y.Host), cmp.Compare(x.Case, y.Case), cmp.Compare(x.Text, y.Text))
	})
}

func byVerdict(a, b Verdict) int {
	switch {
	case a == b:
		return 0
	case worse(a, b) == a:
		return 1
	}
	return -1
}

// find adds a sentence, and makes the verdict of the audit and of s, if it is not nil, no better than v.
func (a *auditor) find(s *Audited, name string, v Verdict, host, format string, arguments ...any) {
	a.out.Findings = append(a.out.Findings, Finding{name, v, host, fmt.Sprintf(format, arguments...)})
	a.out.Verdict = worse(a.out.Verdict, v)
	if s != nil {
		s.Verdict = worse(s.Verdict, v)
	}
}

func (s *Audited) name() string {
	return fmt.Sprintf("%s (boot %.8s, session %d)", text.Printable(s.Host), s.BootID, s.Session)
}

// judgeNumbers says what is wrong with a session's numbers.
func (a *auditor) judgeNumbers(s *Audited) {
	if s.Missing > 0 {
		a.judgeMissing(s)
	}
	if s.DeadLetters > 0 {
		a.find(s, "dead letter", Incomplete, s.Host, "%s: %s in dead letters and in no table; `tcpledger decode --replay` brings back what can be read", s.name(), numbers(s.DeadLetters, "is", "are"))
	}
	if s.Twice > 0 {
		a.find(s, "doubled", Incomplete, s.Host, "%s: %s held more than once: %s", s.name(), numbers(s.Twice, "is", "are"), s.example.text)
	}
	if s.Beyond > 0 {
		a.find(s, "forged", Incomplete, s.Host, "%s: %s in the tables that its agent never gave: its last checkpoint ends before", s.name(), numbers(s.Beyond, "is", "are"))
	}
	if s.Replayed > 0 {
		a.find(s, "replay", Complete, s.Host, "%s: %s stored again and count once: a replay; the view conflicts lists those that differ", s.name(), rows(s.Replayed))
	}
	if s.Conflicting > 0 {
		a.find(s, "conflict", NotKnown, s.Host, "%s: of %s rows say different things; the one that came first is shown, which is true is not known (the first: %s)", s.name(), numbers(s.Conflicting, "", ""), s.conflict)
	}
	if s.falls > 0 {
		a.find(s, "contradiction", NotKnown, s.Host, "%s: its checkpoints contradict each other: of %s an earlier one promises more numbers than a later one (a clock that jumped, or a forged checkpoint)", s.name(), streams(s.falls))
	}
}

// judgeMissing says where the missing numbers are. Those that a checkpoint promised just now may be on their way.
func (a *auditor) judgeMissing(s *Audited) {
	if a.now.Sub(s.heard) < underway && s.Until.Before(a.window.To) {
		a.find(s, "underway", NotKnown, s.Host, "%s: %s in no table yet; its last checkpoint came less than %s ago", s.name(), numbers(s.Missing, "is", "are"), text.Duration(underway))
		return
	}
	if a.out.aged {
		a.find(s, "aged out", NotKnown, s.Host, "%s: %s in no table, and rows of this window are older than they are kept (tcpledger retention)", s.name(), numbers(s.Missing, "is", "are"))
		return
	}
	if s.Missing == s.Promised {
		a.find(s, "lost session", Incomplete, s.Host, "%s: none of its %s is in a table", s.name(), numbers(s.Promised, "", ""))
		return
	}
	kinds := []struct {
		name, where string
		is          func(hole) bool
	}{
		{"lost stream", "all that was promised of their stream", func(h hole) bool { return h.whole }},
		{"lost tail", "the last that were promised", func(h hole) bool { return h.tail && !h.whole }},
		{"lost middle", "with later ones in the tables", func(h hole) bool { return !h.tail }},
	}
	for _, kind := range kinds {
		var n uint64
		var first *hole
		for i, h := range s.missing {
			if kind.is(h) {
				n += h.end - h.low
				if first == nil {
					first = &s.missing[i]
				}
			}
		}
		if first != nil {
			a.find(s, kind.name, Incomplete, s.Host, "%s: %s in no table, %s; stream %d, %d to %d", s.name(), numbers(n, "is", "are"), kind.where, first.stream,
				first.low, first.end-1)
		}
	}
}

// judgeEnd says of a session without a checkpoint after the window what became of it.
func (a *auditor) judgeEnd(s *Audited) {
	if !s.Until.Before(a.window.To) {
		return
	}
	next := a.after(s)
	until := when.Show(s.Until)
	switch {
	case s.Ended && next == nil:
		a.find(s, "agent ended", NotKnown, s.Host, "%s: its agent ended in order at %s; nothing was watched after that", s.name(), until)
	case s.Ended && next.Since.Before(a.window.To):
		a.find(s, "agent ended", Complete, s.Host, "%s: its agent ended in order at %s; the next one began at %s", s.name(), until, when.Show(next.Since))
	case s.Ended:
		a.find(s, "agent ended", Complete, s.Host, "%s: its agent ended in order at %s, and the next one began after the window", s.name(), until)
	case next != nil && next.BootID != s.BootID && a.renamed(s.Host):
		a.find(s, "dead host", NotKnown, s.Host, "%s: the host went down after %s, and another machine had its name at %s; what it held is not known", s.name(), until, when.Show(next.Since))
	case next != nil && next.BootID != s.BootID:
		a.find(s, "dead host", NotKnown, s.Host, "%s: the host went down after %s and was up again with another boot at %s; what it held is not known", s.name(), until, when.Show(next.Since))
	case next != nil:
		a.find(s, "dead agent", NotKnown, s.Host, "%s: its agent died after %s and another session began at %s; what it held is not known", s.name(), until, when.Show(next.Since))
	case a.now.Sub(s.Until) > silence:
		a.find(s, "silent", NotKnown, s.Host, "%s: its agent never came back after %s, its last checkpoint", s.name(), until)
	default:
		a.find(s, "not yet known", NotKnown, s.Host, "%s: not yet known after %s, its last checkpoint", s.name(), until)
	}
}

// after finds the session that followed s: the first of its boot that began after its last checkpoint, or the first of a boot that was not
// there before that. A boot that was is another machine of that name.
func (a *auditor) after(s *Audited) *checkpointed {
	before := map[string]bool{}
	for i, other := range a.all { // in the order of host and since
		switch {
		case other.Host != s.Host:
		case other.Since.Before(s.Until):
			before[other.BootID] = true
		case other.BootID == s.BootID && other.Session != s.Session, other.BootID != s.BootID && !before[other.BootID]:
			return &a.all[i]
		}
	}
	return nil
}

// renamed reports whether machines with different ids had the name, one after the other.
func (a *auditor) renamed(host string) bool {
	return slices.ContainsFunc(a.shared, func(s SharedName) bool { return s.kind() == "another machine" && s.Name == host })
}

// judgeTables says which table of rows is gone or empty.
func (a *auditor) judgeTables() {
	for _, name := range a.out.absent {
		a.find(nil, "lost table", Incomplete, "", "the table %s does not exist: its rows are lost", name)
	}
	if t := &a.out.Total; t.Missing > 0 && len(a.out.absent) == 0 && !a.out.aged {
		for _, name := range []string{"connections", "events"} {
			held := map[string]uint64{"connections": t.Connections, "events": t.Events}[name]
			if held == 0 && t.Connections+t.Events > 0 {
				a.find(nil, "lost table", Incomplete, "", "the table %s has no row of these sessions while numbers are missing: its rows are lost", name)
			}
		}
	}
}

// judgeNames says which machines share a name or an id, and which agents run at once on one machine.
func (a *auditor) judgeNames() {
	for i := range a.shared {
		s := &a.shared[i]
		host := ""
		switch {
		case s.Shared == "name":
			host = s.Name
		case len(s.Hosts) == 1: // the name says it
			continue
		}
		a.find(nil, s.kind(), Complete, host, "%s", s)
	}
	said := map[string]bool{}
	for i, s := range a.all {
		for _, o := range a.all[i+1:] {
			if o.Host != s.Host || !o.Since.Before(s.Until) {
				break
			}
			if o.BootID != s.BootID || a.sessions[sessionKey{s.Host, s.BootID, s.Session}] == nil || a.sessions[sessionKey{o.Host, o.BootID, o.Session}] == nil {
				continue
			}
			sentence := fmt.Sprintf("two agents run on %s at once: sessions %d and %d", text.Printable(s.Host), s.Session, o.Session)
			if !said[sentence] {
				said[sentence] = true
				a.find(nil, "two agents", Complete, s.Host, "%s", sentence)
			}
		}
	}
}

// numbers writes n numbers with the verb for one or many.
func numbers(n uint64, one, many string) string {
	if n == 1 {
		return strings.TrimSpace("1 number " + one)
	}
	return strings.TrimSpace(text.Count(n) + " numbers " + many)
}

func streams(n uint64) string {
	if n == 1 {
		return "1 stream"
	}
	return text.Count(n) + " streams"
}

func rows(n uint64) string {
	if n == 1 {
		return "1 row was"
	}
	return text.Count(n) + " rows were"
}
