// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tcpledger/internal/report"
	"tcpledger/internal/text"
	"tcpledger/query"
	"tcpledger/query/when"
)

// title names the window, with the zone of its ends.
func (s *Scope) title() string {
	return "Postmortem of " + s.window(s.Window)
}

// window writes a window in the report's zone: its second end without the date if it is that of the first.
func (s *Scope) window(w query.Window) string {
	from, to := w.From.In(s.Zone), w.To.In(s.Zone)
	begin, end := from.Format(time.DateTime), to.Format("15:04:05 MST")
	if from.Format(time.DateOnly) != to.Format(time.DateOnly) {
		end = when.Show(to)
	}
	if from.Format("MST") != to.Format("MST") { // the clocks changed
		begin = when.Show(from)
	}
	return begin + " to " + end
}

func (s *Scope) head() []string {
	line := s.window(s.Window)
	if s.Filter.Host != "" {
		line += ", host " + s.Filter.Host
	}
	if s.Filter.Remote.IsValid() {
		line += ", remote " + query.ShowRemote(s.Filter.Remote)
	}
	return []string{line}
}

func (s *Scope) fields() text.Object {
	out := text.Object{{Name: "from", Value: s.Window.From.In(s.Zone)}, {Name: "to", Value: s.Window.To.In(s.Zone)}, {Name: "tz", Value: s.Zone.String()}}
	if s.Filter.Host != "" {
		out = append(out, text.Field{Name: "host", Value: s.Filter.Host})
	}
	if s.Filter.Remote.IsValid() {
		out = append(out, text.Field{Name: "remote", Value: query.ShowRemote(s.Filter.Remote)})
	}
	return out
}

func totals(ctx context.Context, a *asked) (report.Section, error) {
	t, err := a.client.Totals(ctx, a.Window, a.Filter)
	out := report.Section{Data: t, Notes: []string{fmt.Sprintf("%s ended on %s; resets sent %s, received %s", count(t.Endings, "connection"), count(t.Hosts, "host"),
		text.Count(t.ResetsSent), text.Count(t.ResetsReceived))}}
	if t.ClocksOff > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("! %s of a host whose clock was more than an hour off", count(t.ClocksOff, "ending")))
	}
	return out, err
}

func count(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return text.Count(n) + " " + what + "s"
}

func join(names []string) string { return strings.Join(names, ", ") }
