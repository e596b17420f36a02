// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tcpledger/cmd/tcpledger/when"
	"tcpledger/internal/text"
	"tcpledger/query"
)

// Layout says how a report is written: Zone shows its times, Width is the terminal's, 0 for no limit.
type Layout struct {
	Zone  *time.Location
	Width int
}

// WriteText writes the report for a person, on one screen.
func (r *Report) WriteText(w io.Writer, l Layout) error {
	var b strings.Builder
	r.head(&b, l)
	if r.Totals.Endings > 0 {
		r.causes(&b, l)
		r.owners(&b, l)
		r.remotes(&b, l)
		r.paths(&b, l)
	}
	r.losses(&b, l)
	r.known(&b, l)
	if cut(b.String(), l.Width) {
		fmt.Fprintf(&b, "\nCUT     at the terminal's %d columns; whole through a pipe: tcpledger postmortem … | cat\n", l.Width)
	}
	for _, sql := range r.SQL {
		b.WriteString("\n" + sql)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cut reports whether a line of a table did not fit into width.
func cut(text string, width int) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if width > 0 && utf8.RuneCountInString(line) >= width && strings.HasSuffix(line, "…") {
			return true
		}
	}
	return false
}

func (r *Report) head(b *strings.Builder, l Layout) {
	from, to := r.From.In(l.Zone), r.To.In(l.Zone)
	end := to.Format("15:04:05 MST")
	if from.Format(time.DateOnly) != to.Format(time.DateOnly) {
		end = when.Show(to)
	}
	fmt.Fprintf(b, "%s to %s", from.Format(time.DateTime), end)
	if r.Host != "" {
		fmt.Fprintf(b, ", host %s", text.Printable(r.Host))
	}
	if r.Remote != "" {
		fmt.Fprintf(b, ", remote %s", r.Remote)
	}
	t := r.Totals
	fmt.Fprintf(b, "\n%s ended on %s; resets sent %s, received %s\n", count(t.Endings, "connection"), count(t.Hosts, "host"),
		text.Count(t.ResetsSent), text.Count(t.ResetsReceived))
	if t.ClocksOff > 0 {
		fmt.Fprintf(b, "! %s of a host whose clock was more than an hour off\n", count(t.ClocksOff, "ending"))
	}
}

func count(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return text.Count(n) + " " + what + "s"
}

// write appends the table and says how many of the groups it does not show.
func write(b *strings.Builder, t *text.Table, shown int, groups uint64) {
	b.WriteString("\n" + t.String() + "\n")
	if groups > uint64(shown) {
		fmt.Fprintf(b, "… and %s more, see --top\n", text.Count(groups-uint64(shown)))
	}
}

func dot(n uint64) string { return text.Dot(n, text.Count) }

func groupCells(g *query.Group) []any {
	return []any{dot(g.Endings), dot(g.ResetsSent), dot(g.ResetsReceived), duration(g.MedianUS), text.Dot(g.Sent, text.Bytes), text.Dot(g.Received, text.Bytes)}
}

var groupHeader = []string{"ENDINGS", "RST SENT", "RST RECV", "MEDIAN", "SENT", "RECEIVED"}

func (r *Report) causes(b *strings.Builder, l Layout) {
	t := text.NewTable(l.Width, slices.Concat([]string{"BY CAUSE"}, groupHeader, []string{"1ST LOCAL", "PEER", "KERNEL", "UNKNOWN"}), 1)
	groups := uint64(0)
	for i := range r.Causes {
		c := &r.Causes[i]
		t.Row(slices.Concat([]any{text.Printable(c.Cause)}, groupCells(&c.Group), []any{dot(c.Local), dot(c.Peer), dot(c.Kernel), dot(c.Unknown)})...)
		groups = c.Groups
	}
	write(b, t, len(r.Causes), groups)
}

func (r *Report) owners(b *strings.Builder, l Layout) {
	t := text.NewTable(l.Width, slices.Concat([]string{"BY OWNER"}, groupHeader, []string{"CAUSES"}), 1, 8)
	groups := uint64(0)
	for i := range r.Owners {
		o := &r.Owners[i]
		t.Row(slices.Concat([]any{owner(o)}, groupCells(&o.Group), []any{causeList(&o.Group)})...)
		groups = o.Groups
	}
	write(b, t, len(r.Owners), groups)
}

// containerDigits is as many digits of a container's id as people know it by.
const containerDigits = 12

func owner(o *query.ByOwner) string {
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

func (r *Report) remotes(b *strings.Builder, l Layout) {
	t := text.NewTable(l.Width, slices.Concat([]string{"BY REMOTE"}, groupHeader, []string{"CAUSES"}), 1, 8)
	groups := uint64(0)
	for i := range r.Remotes {
		o := &r.Remotes[i]
		t.Row(slices.Concat([]any{remote(o)}, groupCells(&o.Group), []any{causeList(&o.Group)})...)
		groups = o.Groups
	}
	write(b, t, len(r.Remotes), groups)
}

// remote says which side the service is on: the remote one for a client, this host for a server.
func remote(o *query.ByRemote) string {
	ip, port := o.IP.Unmap().String(), strconv.Itoa(int(o.Port))
	switch o.Role {
	case "client":
		return "to " + net.JoinHostPort(ip, port)
	case "server":
		return "from " + ip + " to our " + port
	}
	return "with " + ip + " on " + port
}

// causesShown is as many causes of a group as a line has room for.
const causesShown = 3

func causeList(g *query.Group) string {
	var parts []string
	for i, c := range g.TopCauses() {
		if i == causesShown {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, text.Printable(c.Cause)+" "+text.Count(c.Count))
	}
	return strings.Join(parts, ", ")
}

func (r *Report) paths(b *strings.Builder, l Layout) {
	t := text.NewTable(l.Width, []string{"BY CODE PATH", "MEDIAN", "CAUSES", "INNERMOST FIRST"}, 3, 4)
	groups := uint64(0)
	for i := range r.Paths {
		p := &r.Paths[i]
		t.Row(dot(p.Endings), duration(p.MedianUS), causeList(&p.Group), path(p))
		groups = p.Groups
	}
	write(b, t, len(r.Paths), groups)
}

// framesShown is as many functions of a path as a line has room for; the outermost is shown whatever lies between.
const framesShown = 5

func path(p *query.ByPath) string {
	if p.StackID == 0 {
		return "(no stack was taken)"
	}
	frames := query.Frames(p.Symbols)
	if len(frames) == 0 {
		return fmt.Sprintf("(stack %#x is not symbolized yet)", p.StackID)
	}
	if len(frames) > framesShown {
		frames = append(append([]string(nil), frames[:framesShown-1]...), "…", frames[len(frames)-1])
	}
	return text.Printable(strings.Join(frames, " < "))
}

func (r *Report) losses(b *strings.Builder, l Layout) {
	if len(r.Losses) == 0 {
		b.WriteString("\nLOSSES  none\n")
		return
	}
	t := text.NewTable(l.Width, []string{"LOSSES", "RECORDS", "CAUSE", ""}, 1, 3, 4)
	for _, loss := range r.Losses {
		_, how := loss.Explain()
		t.Row(text.Printable(loss.Host), text.Count(loss.Records), text.Printable(loss.Cause), how)
	}
	b.WriteString("\n" + t.String() + "\n")
}

func (r *Report) known(b *strings.Builder, l Layout) {
	if r.Final {
		b.WriteString("\nFINAL   every host's checkpoints cover the window\n")
		return
	}
	r.gaps(b, l)
	if len(r.Open) == 0 {
		if len(r.Gaps) > 0 {
			return
		}
		b.WriteString("\nNOT YET KNOWN  no host sent a checkpoint near this window: nothing was watched, or nothing arrived yet\n")
		return
	}
	b.WriteString("\nNOT YET KNOWN\n")
	for _, o := range r.Open {
		host := text.Printable(o.Host)
		switch {
		case o.From == nil:
			fmt.Fprintf(b, "  %s: the whole window; no checkpoint of it near the window\n", host)
		case o.Ended:
			fmt.Fprintf(b, "  %s: its agent ended at %s; nothing was watched after that\n", host, when.Show(o.From.In(l.Zone)))
		case o.From.Before(r.From):
			fmt.Fprintf(b, "  %s: the whole window; its last checkpoint is of %s\n", host, when.Show(o.From.In(l.Zone)))
		default:
			fmt.Fprintf(b, "  %s: from %s on, its last checkpoint; later endings may be missing\n", host, when.Show(o.From.In(l.Zone)))
		}
	}
}

// gapsShown is as many gaps as a person reads.
const gapsShown = 10

func (r *Report) gaps(b *strings.Builder, l Layout) {
	if len(r.Gaps) == 0 {
		return
	}
	b.WriteString("\nNOT WATCHED\n")
	for i, g := range r.Gaps {
		if i == gapsShown {
			fmt.Fprintf(b, "  … and %s more, see --format json\n", text.Count(uint64(len(r.Gaps)-gapsShown)))
			return
		}
		fmt.Fprintf(b, "  %s: from %s to %s; no agent ran, or it died with what it held\n", text.Printable(g.Host), when.Show(g.From.In(l.Zone)),
			when.Show(g.To.In(l.Zone)))
	}
}
