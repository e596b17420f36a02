// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"tcpledger/internal/text"
	"tcpledger/query"
	"tcpledger/schema"
)

// writeList writes a list of the report: its table, or the error in its place. groups is how many rows there are in all.
func writeList(b *strings.Builder, title string, t *text.Table, err error, shown int, groups uint64) {
	if err != nil {
		fmt.Fprintf(b, "\n%s  no answer: %s\n", title, reason(err))
		return
	}
	b.WriteString("\n" + t.String() + "\n")
	if groups > uint64(shown) {
		fmt.Fprintf(b, "… and %s more, see --top\n", text.Count(groups-uint64(shown)))
	}
}

func dot(n uint64) string { return text.Dot(n, text.Count) }

var countNames = []string{"ENDINGS", "RST SENT", "RST RECV", "MEDIAN", "SENT", "RECEIVED"}

func countCells(c *query.Counts) []any {
	return []any{dot(c.Endings), dot(c.ResetsSent), dot(c.ResetsReceived), median(c), text.Dot(c.Sent, text.Bytes), text.Dot(c.Received, text.Bytes)}
}

// median writes the median duration, "?" if it is not known, with ~ before it if it is rough.
func median(c *query.Counts) string {
	if c.MedianUS == nil {
		return "?"
	}
	if c.Rough {
		return "~" + text.Microseconds(*c.MedianUS)
	}
	return text.Microseconds(*c.MedianUS)
}

func (r *Report) writeCauses(b *strings.Builder, l Layout) {
	const title = "BY CAUSE"
	rows := r.Causes.Answer
	t := text.NewTable(l.Width, slices.Concat([]string{title}, countNames, []string{"1ST LOCAL", "PEER", "KERNEL", "UNKNOWN"}), 1)
	groups := uint64(0)
	for i := range rows {
		c := &rows[i]
		first := []any{dot(c.Local), dot(c.Peer), dot(c.Kernel), dot(c.Unknown)}
		t.Row(slices.Concat([]any{text.Printable(c.Cause)}, countCells(&c.Counts), first)...)
		groups = c.Groups
	}
	writeList(b, title, t, r.Causes.Err, len(rows), groups)
}

func (r *Report) writeOwners(b *strings.Builder, l Layout) {
	const title = "BY OWNER"
	rows := r.Owners.Answer
	t := text.NewTable(l.Width, slices.Concat([]string{title}, countNames, []string{"CAUSES"}), 1, 8)
	groups := uint64(0)
	for i := range rows {
		o := &rows[i]
		t.Row(slices.Concat([]any{owner(o)}, countCells(&o.Counts), []any{causeList(&o.Counts)})...)
		groups = o.Groups
	}
	writeList(b, title, t, r.Owners.Err, len(rows), groups)
}

// containerDigits is as many digits of a container's id as people know it by.
const containerDigits = 12

func owner(o *Owner) string {
	place := o.Place
	if len(place) == 64 || len(place) == 32 {
		place = place[:containerDigits]
	}
	name := o.Comm
	if name == "" {
		name = "(unknown)"
	}
	return text.Printable(strings.TrimSpace(name + "  " + place))
}

func (r *Report) writeRemotes(b *strings.Builder, l Layout) {
	const title = "BY REMOTE"
	rows := r.Remotes.Answer
	t := text.NewTable(l.Width, slices.Concat([]string{title}, countNames, []string{"CAUSES"}), 1, 8)
	groups := uint64(0)
	for i := range rows {
		o := &rows[i]
		t.Row(slices.Concat([]any{remote(o)}, countCells(&o.Counts), []any{causeList(&o.Counts)})...)
		groups = o.Groups
	}
	writeList(b, title, t, r.Remotes.Err, len(rows), groups)
}

// remote says which side the service is on: the remote one for a client, this host for a server.
func remote(o *Remote) string {
	port := strconv.Itoa(int(o.Port))
	switch o.Role {
	case "client":
		return "to " + net.JoinHostPort(o.IP, port)
	case "server":
		return "from " + o.IP + " to our " + port
	}
	return "with " + o.IP + " on " + port
}

// maxCauses is as many causes of a group as a line has room for.
const maxCauses = 3

func causeList(c *query.Counts) string {
	var parts []string
	for i, top := range c.TopCauses() {
		if i == maxCauses {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, text.Printable(top.Cause)+" "+text.Count(top.Count))
	}
	return strings.Join(parts, ", ")
}

func (r *Report) writePaths(b *strings.Builder, l Layout) {
	const title = "BY CODE PATH"
	rows := r.Paths.Answer
	t := text.NewTable(l.Width, []string{title, "MEDIAN", "CAUSES", "INNERMOST FIRST"}, 3, 4)
	groups := uint64(0)
	for i := range rows {
		p := &rows[i]
		t.Row(dot(p.Endings), median(&p.Counts), causeList(&p.Counts), path(p))
		groups = p.Groups
	}
	writeList(b, title, t, r.Paths.Err, len(rows), groups)
}

// maxFrames is as many functions of a path as a line has room for; the outermost is always shown.
const maxFrames = 5

func path(p *Path) string {
	if p.StackID == 0 {
		return "(no stack was taken)"
	}
	frames := schema.Path(p.Symbols)
	if len(frames) == 0 {
		return fmt.Sprintf("(stack %#x is not symbolized yet)", p.StackID)
	}
	if len(frames) > maxFrames {
		frames = slices.Concat(frames[:maxFrames-1], []string{"…"}, frames[len(frames)-1:])
	}
	return text.Printable(strings.Join(frames, " < "))
}

// writeEvents leaves the list out if nothing happened.
func (r *Report) writeEvents(b *strings.Builder, l Layout) {
	const title = "EVENTS"
	rows := r.Events.Answer
	if len(rows) == 0 && r.Events.Err == nil {
		return
	}
	t := text.NewTable(l.Width, []string{title, "RECORDED", "SKIPPED", "HOSTS", "PAYLOAD", "REASON"}, 1, 6)
	groups := uint64(0)
	for i := range rows {
		e := &rows[i]
		t.Row(text.Printable(e.Kind), dot(e.Events), dot(max(e.Records, e.Events)-e.Events), dot(e.Hosts), text.Dot(e.Bytes, text.Bytes), text.Printable(e.Reason))
		groups = e.Groups
	}
	writeList(b, title, t, r.Events.Err, len(rows), groups)
}

func (r *Report) writeLosses(b *strings.Builder, l Layout) {
	const title = "LOSSES"
	rows := r.Losses.Answer
	if len(rows) == 0 && r.Losses.Err == nil {
		b.WriteString("\nLOSSES  none\n")
		return
	}
	t := text.NewTable(l.Width, []string{title, "RECORDS", "CAUSE", ""}, 1, 3, 4)
	for _, loss := range rows {
		_, how := loss.Explain()
		t.Row(text.Printable(loss.Host), text.Count(loss.Records), text.Printable(loss.Cause), how)
	}
	writeList(b, title, t, r.Losses.Err, len(rows), 0)
}
