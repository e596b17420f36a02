// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"io"
	"strings"
	"time"

	"tcpledger/internal/text"
	"tcpledger/query"
	lines "tcpledger/query/logs"
	"tcpledger/query/when"
	"tcpledger/schema"
)

const (
	maxBody   = 160 // characters of a line that are shown
	maxShown  = 10  // lines that are shown
	clockForm = "15:04:05.000000"
)

// tale writes a story in sentences. Every name and line goes through text.Line.
type tale struct {
	io.Writer
	zone *time.Location
}

func (t *tale) say(format string, args ...any) { _, _ = fmt.Fprintf(t, format, args...) }

func (t *tale) at(at time.Time) string { return at.In(t.zone).Format(clockForm) }

func (t *tale) tell(s *lines.Story) {
	t.say("%s to %s\n", when.Show(s.From.In(t.zone)), when.Show(s.To.In(t.zone)))
	if s.Absent != "" {
		t.say("%s\n", text.Line(s.Absent, maxBody*2))
	}
	t.say("\n%s\n", t.opening(s))
	for i := range s.Threads {
		t.say("\n")
		t.thread(&s.Threads[i])
	}
	if s.More > 0 {
		t.say("\n%s more connections are not told; take a shorter window.\n", text.Count(uint64(s.More)))
	}
	t.undecided(s.Lines)
	t.evidence(s)
}

// opening says what was found.
func (t *tale) opening(s *lines.Story) string {
	if s.About == lines.AboutEnds {
		return fmt.Sprintf("%s ended with %s.", count(len(s.Threads)+s.More, "connection"), text.Line(s.Text, maxBody))
	}
	var b strings.Builder
	if n := distinct(s.Lines); n > 0 {
		fmt.Fprintf(&b, "%s: %s.", quote(s.Text), said(s.Lines))
	} else {
		fmt.Fprintf(&b, "No line and no span has %s.", quote(s.Text))
	}
	if s.Partly {
		b.WriteString(" Earlier lines were not looked at: the time was over (--look).")
	}
	if len(s.Named) > 0 {
		fmt.Fprintf(&b, " It names %s: %s ended there.", strings.Join(s.Named, " and "), count(len(s.Threads)+s.More, "connection"))
	}
	if len(s.Threads) == 0 && len(s.Lines) > 0 {
		b.WriteString(" No connection is known to be behind it.")
	}
	return b.String()
}

// said counts lines and spans and names their services.
func said(all []lines.Match) string {
	kinds, services, seen := map[string]int{}, []string{}, map[string]bool{}
	for i := range all {
		if all[i].Relation != "own" {
			continue
		}
		kinds[all[i].What]++
		if name := text.Line(all[i].Service, maxName); !seen[name] {
			seen[name] = true
			services = append(services, name)
		}
	}
	var parts []string
	for _, kind := range []string{"log", "span"} {
		if kinds[kind] > 0 {
			parts = append(parts, count(kinds[kind], map[string]string{"log": "line", "span": "span"}[kind]))
		}
	}
	return strings.Join(parts, " and ") + " of " + strings.Join(services, ", ")
}

func distinct(all []lines.Match) int {
	n := 0
	for i := range all {
		if all[i].Relation == "own" {
			n++
		}
	}
	return n
}

// thread tells one connection: what was said, how it lived, how each end saw its end, and who moved first.
func (t *tale) thread(c *lines.Thread) {
	for i := range c.Lines[:min(len(c.Lines), maxShown)] {
		t.line(&c.Lines[i])
	}
	r := &c.Row
	t.say("%s, %s, had a connection from %s to %s (it was the %s).%s\n", text.Line(r.Host, maxName), owner(r), r.Client(), t.server(r), text.Line(r.Role, maxName), t.life(r))
	t.say("At %s %s %s%s.\n", t.at(r.ClosedAt), text.Line(r.Host, maxName), causes[schema.Cause(r.Cause)], details(r))
	if o := c.Other; o != nil {
		t.say("Its other end, %s on %s, %s%s at %s.\n", owner(o), text.Line(o.Host, maxName), causes[schema.Cause(o.Cause)], details(o), t.at(o.ClosedAt))
		if c.FoundBy == query.ByClientAddress || c.FoundBy == query.ByTranslatedTuple {
			t.say("The two ends see different addresses: something between them translates.\n")
		}
	}
	t.losses(c)
	t.say("%s\n", together(c))
}

func (t *tale) server(r *lines.Row) string {
	if r.Role == "server" {
		return r.Local().String()
	}
	return r.Remote().String()
}

// life says how long it lived and what it carried.
func (t *tale) life(r *lines.Row) string {
	began := " It began before the agent"
	if r.DurationUS != nil {
		began = fmt.Sprintf(" It began at %s and lived %s", t.at(r.Began()), text.Microseconds(float64(*r.DurationUS)))
	}
	return fmt.Sprintf("%s; %s sent %s and received %s.", began, text.Line(r.Host, maxName), text.Bytes(r.Sent), text.Bytes(r.Received))
}

// line tells one line and how it was matched.
func (t *tale) line(m *lines.Match) {
	t.say("At %s %s said %s; %s.\n", t.at(m.At), text.Line(m.Service, maxName), quote(m.Body), matched(m))
}

// undecided lists the lines that fit several connections, and those that fit none.
func (t *tale) undecided(all []lines.Match) {
	shown := 0
	for i := range all {
		m := &all[i]
		if m.Decided() || m.Relation != "own" && m.Candidates == 0 {
			continue
		}
		if shown++; shown == 1 {
			t.say("\nUNDECIDED\n")
		}
		if shown > maxShown {
			continue
		}
		t.line(m)
	}
	if shown > maxShown {
		t.say("… and %s more, see --format json\n", text.Count(uint64(shown-maxShown)))
	}
}
