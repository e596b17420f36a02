// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"strings"
	"time"

	"tcpledger/internal/text"
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

// firstMover says who moved first: what both kernels saw, else one of them, else what the clocks can tell.
func firstMover(c *lines.Thread) string {
	r, o := &c.Row, c.Other
	mine := map[string]string{"local": r.Host, "peer": "the peer", "kernel": "no application: the kernel"}[r.Initiator]
	if o == nil {
		if mine == "" {
			return "Who moved first is not known."
		}
		return fmt.Sprintf("%s moved first, as %s saw it.", capital(text.Line(mine, maxName)), text.Line(r.Host, maxName))
	}
	switch {
	case r.Initiator == "local" && o.Initiator == "peer":
		return fmt.Sprintf("The %s on %s moved first: both ends say so.", r.Role, text.Line(r.Host, maxName))
	case r.Initiator == "peer" && o.Initiator == "local":
		return fmt.Sprintf("The %s on %s moved first: both ends say so.", o.Role, text.Line(o.Host, maxName))
	case r.Reset == "received" && o.Reset == "received":
		return "Both ends received a reset and neither sent one: something between them sent it."
	case r.Initiator == "peer" && o.Initiator == "peer":
		return "Each end saw the other one move first: something between them may have."
	}
	return "The ends do not agree on who moved first: " + byClocks(r, o) + "."
}

// byClocks compares the ends' times within the errors of their clocks.
func byClocks(r, o *lines.Row) string {
	apart := r.ClosedAt.Sub(o.ClosedAt)
	earlier := r
	if apart > 0 {
		earlier = o
	}
	if r.Host == o.Host && r.BootID == o.BootID {
		return fmt.Sprintf("the %s ended %s earlier, by one clock", earlier.Role, text.Duration(apart.Abs()))
	}
	sure := time.Duration(r.ClockErrorUS+o.ClockErrorUS) * time.Microsecond
	if r.ClockOff || o.ClockOff || apart.Abs() <= sure {
		return fmt.Sprintf("they ended %s apart, and the clocks may be %s off, so the times cannot tell", text.Duration(apart.Abs()), text.Duration(sure))
	}
	return fmt.Sprintf("%s ended %s earlier", text.Line(earlier.Host, maxName), text.Duration(apart.Abs()))
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
