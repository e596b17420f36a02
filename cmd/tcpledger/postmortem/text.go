// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"tcpledger/internal/text"
	"tcpledger/query/when"
)

// Layout says how a report is written: Zone is that of its times, Width the terminal's in columns, 0 for no limit.
type Layout struct {
	Zone  *time.Location
	Width int
}

// WriteText writes the report for a person. A part without an answer says why in its place.
func (r *Report) WriteText(w io.Writer, l Layout) error {
	var b strings.Builder
	r.writeHead(&b, l)
	if r.Totals.Answer.Endings > 0 || r.Totals.Err != nil {
		r.writeCauses(&b, l)
		r.writeOwners(&b, l)
		r.writeRemotes(&b, l)
		r.writePaths(&b, l)
	}
	r.writeEvents(&b, l)
	r.writeLosses(&b, l)
	r.writeCoverage(&b, l)
	r.writeAudit(&b)
	if len(r.Rollups) > 0 {
		fmt.Fprintf(&b, "\nSUMS    read from %s; counts are exact, a median with ~ is right within a factor of 1.5\n", strings.Join(r.Rollups, ", "))
	}
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

// maxReason bounds an error in the text: the server's may hold the whole statement, which JSON shows.
const maxReason = 160

func reason(err error) string { return text.Line(err.Error(), maxReason) }

func (r *Report) writeHead(b *strings.Builder, l Layout) {
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
	if r.Totals.Err != nil {
		fmt.Fprintf(b, "\nTOTALS  no answer: %s\n", reason(r.Totals.Err))
		return
	}
	t := r.Totals.Answer
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
