// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"strings"
	"time"

	"tcpledger/internal/text"
	"tcpledger/query"
	lines "tcpledger/query/logs"
	"tcpledger/schema"
)

// maxName bounds the characters of a name.
const maxName = 60

func quote(s string) string { return "“" + text.Line(s, maxBody) + "”" }

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return text.Count(uint64(n)) + " " + noun + "s"
}

// owner names the process that an end belonged to.
func owner(r *lines.Row) string {
	name := text.Line(r.Comm, maxName)
	if name == "" {
		return "a process that is not known"
	}
	if r.OwnerPID != 0 {
		name += fmt.Sprintf(" (pid %d)", r.OwnerPID)
	}
	if r.Service != "" {
		name += " of " + text.Line(r.Service, maxName)
	}
	return name
}

// details are the figures of an ending that explain it.
func details(r *lines.Row) string {
	parts := []string{text.Line(r.Cause, maxName)}
	if r.Error != "" {
		parts = append(parts, text.Line(r.Error, maxName))
	}
	if r.Reset == string(schema.ResetSent) {
		parts = append(parts, "reset sent")
	}
	for _, n := range []struct {
		n    uint64
		what string
	}{{uint64(r.Unread), "unread"}, {uint64(r.Unsent), "unsent"}} {
		if n.n > 0 {
			parts = append(parts, text.Bytes(n.n)+" "+n.what)
		}
	}
	if r.Retransmits > 0 {
		parts = append(parts, count(int(r.Retransmits), "retransmission"))
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// matched says how a line was matched, and how far off it is.
func matched(m *lines.Match) string {
	by := map[string]string{lines.ByEnds: "it names the connection's ends", lines.ByContainer: "same container", lines.ByPod: "same pod",
		lines.ByPID: "same process", lines.ByHost: "same host"}[m.How]
	switch {
	case m.Candidates == 0:
		return "no ending fits"
	case m.Candidates > 1:
		return fmt.Sprintf("%s: %s connections fit and none is chosen; the nearest ended at %s", by, text.Count(m.Candidates), m.ClosedAt.UTC().Format(clockForm+" UTC"))
	}
	return by + ", " + off(m)
}

func off(m *lines.Match) string {
	distance := time.Duration(max(m.OffUS, -m.OffUS)) * time.Microsecond
	switch {
	case m.OffUS == 0 && m.How == lines.ByEnds:
		return "while it lived"
	case m.OffUS >= 0:
		return text.Duration(distance) + " after its end"
	case m.How == lines.ByEnds:
		return text.Duration(distance) + " before its beginning"
	}
	return text.Duration(distance) + " before its end"
}

// together says what both ends say of the ending, and who moved first.
func together(c *lines.Thread) string {
	r, o := &c.Row, c.Other
	host := text.Line(r.Host, maxName)
	switch {
	case c.Candidates > 1:
		return fmt.Sprintf("%s rows can be its other end, and none is chosen. %s", text.Count(c.Candidates), seenByOne(r))
	case o == nil && c.Verdict == "":
		return "Its other end is not known. " + seenByOne(r)
	case o == nil:
		return capital(text.Line(c.Verdict, maxBody)) + ". " + seenByOne(r)
	case c.First == query.FirstThis:
		return fmt.Sprintf("The %s on %s moved first. Seen from %s, %s.", text.Line(r.Role, maxName), host, host, text.Line(c.Verdict, maxBody))
	case c.First == query.FirstOther:
		return fmt.Sprintf("The %s on %s moved first. Seen from %s, %s.", text.Line(o.Role, maxName), text.Line(o.Host, maxName), host, text.Line(c.Verdict, maxBody))
	}
	return fmt.Sprintf("Seen from %s, %s. Who moved first cannot be told: they ended %s apart, and their clocks may be %s off.", host, text.Line(c.Verdict, maxBody), apart(c), microseconds(int64(c.ErrorUS)))
}

// seenByOne says who moved first as one end saw it.
func seenByOne(r *lines.Row) string {
	host := text.Line(r.Host, maxName)
	first := map[string]string{"local": host, "peer": "the peer", "kernel": "no application: the kernel"}[r.Initiator]
	if first == "" {
		return "Who moved first is not known."
	}
	return fmt.Sprintf("%s moved first, as %s saw it.", capital(first), host)
}

func apart(c *lines.Thread) string {
	if c.ApartUS == nil {
		return "an unknown time"
	}
	return microseconds(max(*c.ApartUS, -*c.ApartUS))
}

func microseconds(n int64) string { return text.Duration(time.Duration(n) * time.Microsecond) }

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
