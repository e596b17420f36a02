// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"tcpledger/console/picture"
	"tcpledger/internal/text"
	"tcpledger/query"
	"tcpledger/query/when"
	"tcpledger/schema"
)

// view is all that the page shows. Failed has why a part of the page is not there, by the part's name.
type view struct {
	asked
	Version string
	Now     time.Time
	Window  string // which window it is
	Scope   string // the same in a few words, beside each number
	Links   links
	Bad     *problem // what is wrong with the URL
	Problem string   // why ClickHouse gave no answer at all
	Failed  map[string]string
	Parts   []condition
	Tiles   []tile
	Chart   picture.Chart
	Endings []ending
	Events  []event
	Losses  []loss
	Behind  []behind
	Gaps    []gap
	MoreGap int // gaps that are not shown
	Hosts   []string
	Final   bool     // the audit of the window is complete
	Audit   []string // what the audit found
	Shared  []string // which names and ids machines share
}

type ending struct {
	At                      time.Time
	Host, Local, Remote, IP string
	Arrow, ArrowTitle       string
	Cause, Class, Initiator string
	Error, Reset            string
	Owner, Opener           string
	Duration                string
	Sent, Received          string
}

type event struct{ Kind, Reason, Count, Skipped, Hosts string }

type loss struct{ Host, Cause, How, Records string }

// behind is a host whose checkpoints do not reach the end of the window.
type behind struct {
	Host  string
	Last  time.Time
	Ended bool
}

// gap is a time of the window in which no agent of a host was there.
type gap struct {
	Host     string
	From, To time.Time
}

// maxGaps is as many gaps as a person reads.
const maxGaps = 5

// Moment writes a time of today without its date.
func (v *view) Moment(t time.Time) string {
	if t.Format(time.DateOnly) == v.Now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// Stamp writes a time of today to the millisecond, and one of another day with its date.
func (v *view) Stamp(t time.Time) string {
	if t.Format(time.DateOnly) == v.Now.Format(time.DateOnly) {
		return t.Format("15:04:05.000")
	}
	return t.Format("2006-01-02 15:04:05.000")
}

// windowText says which window it is.
func windowText(a asked, w query.Window, zone *time.Location) string {
	if a.Live() && (a.From == "" || a.From[0] == '-') {
		return "last " + lengthText(w.Length())
	}
	from, to := w.From.In(zone), w.To.In(zone)
	end := to.Format("15:04:05 MST")
	if from.Format(time.DateOnly) != to.Format(time.DateOnly) {
		end = when.Show(to)
	}
	if a.Live() {
		end = "now"
	}
	return from.Format(time.DateTime) + " to " + end
}

// scopeText says in a few words which window a number is of.
func scopeText(a asked, window string) string {
	if a.Live() && strings.HasPrefix(window, "last ") {
		return window
	}
	return "in this window"
}

func lengthText(d time.Duration) string {
	if d%time.Minute == 0 && d < time.Hour {
		return strconv.Itoa(int(d.Minutes())) + " minutes"
	}
	return text.Duration(d)
}

// silence is how long a host may send no checkpoint: three times their period.
const silence = 30 * time.Second

// fill shows the answers to what was asked of w.
func (v *view) fill(a *answers, w query.Window) {
	zone := v.Now.Location()
	v.Failed = map[string]string{"chart": a.rates.failure(), "latest": a.latest.failure(), "events": a.events.failure(), "losses": a.losses.failure(),
		"coverage": a.coverage.failure(), "audit": failure(a.auditErr), "shared": a.shared.failure()}
	drawn := settled(w, v.Live())
	v.Chart = picture.NewChart(a.rates.rows, drawn, a.slot, zone)
	v.Tiles = tiles(a, drawn, v.Scope, v.Live())
	for i := range a.latest.rows {
		v.Endings = append(v.Endings, newEnding(&a.latest.rows[i], zone))
	}
	for _, e := range a.events.rows {
		v.Events = append(v.Events, event{e.Key[0], e.Key[1], text.Count(e.Events), text.Dot(max(e.Records, e.Events)-e.Events, text.Count), text.Count(e.Hosts)})
	}
	for _, l := range a.losses.rows {
		_, how := l.Explain()
		v.Losses = append(v.Losses, loss{l.Host, l.Cause, how, text.Count(l.Records)})
	}
	v.cover(a.coverage.rows, w)
	for i := range a.shared.rows[:min(len(a.shared.rows), maxGaps)] {
		v.Shared = append(v.Shared, a.shared.rows[i].String())
	}
	v.audited(a.audit)
}

// audited shows the verdict of the audit. What the page says elsewhere is left out.
func (v *view) audited(a *query.Audit) {
	if a == nil {
		return
	}
	v.Final = a.Verdict == query.Complete && len(v.Gaps)+len(v.Behind) == 0
	for _, f := range a.Findings {
		if f.Verdict == query.Incomplete {
			v.Audit = append(v.Audit, f.Text)
		}
	}
	v.Audit = v.Audit[:min(len(v.Audit), maxGaps)]
}

// cover shows how far each host is known in the window.
func (v *view) cover(hosts []query.Coverage, w query.Window) {
	zone := v.Now.Location()
	due := w.To
	if v.Live() {
		due = v.Now.Add(-silence)
	}
	for _, c := range hosts {
		v.Hosts = append(v.Hosts, c.Host)
		if c.Last.Before(due) {
			v.Behind = append(v.Behind, behind{Host: c.Name(), Last: c.Last.In(zone), Ended: c.Ended()})
		}
		for _, missed := range c.Gaps(w) {
			v.Gaps = append(v.Gaps, gap{c.Name(), missed.From.In(zone), missed.To.In(zone)})
		}
	}
	slices.Sort(v.Hosts)
	v.Hosts = slices.Compact(v.Hosts) // machines may share a name
	if len(v.Gaps) > maxGaps {
		v.MoreGap, v.Gaps = len(v.Gaps)-maxGaps, v.Gaps[:maxGaps]
	}
}

func newEnding(e *query.Ending, zone *time.Location) ending {
	out := ending{At: e.ClosedAt.In(zone), Host: e.Host, Local: endpoint(e.LocalIP, e.LocalPort), Remote: endpoint(e.RemoteIP, e.RemotePort),
		IP: e.RemoteIP.Unmap().String(), Cause: e.Cause, Class: picture.Class(e.Cause), Initiator: e.Initiator, Error: e.Error,
		Duration: "?", Sent: text.Dot(e.Sent, text.Bytes), Received: text.Dot(e.Received, text.Bytes)}
	if e.DurationUS != nil {
		out.Duration = text.Microseconds(float64(*e.DurationUS))
	}
	if e.Reset != string(schema.ResetNone) {
		out.Reset = "reset " + e.Reset
	}
	out.Owner, out.Opener = process(e.Comm, e.PID), opener(e)
	switch e.Role {
	case schema.RoleClient.String():
		out.Arrow, out.ArrowTitle = "→", "this host connected"
	case schema.RoleServer.String():
		out.Arrow, out.ArrowTitle = "←", "this host accepted"
	default:
		out.Arrow, out.ArrowTitle = "–", "who connected is not known"
	}
	return out
}

// opener says who used the connection before its owner, "" if nobody else did.
func opener(e *query.Ending) string {
	switch e.OpenerHow {
	case "":
		return ""
	case schema.OwnerConnect.String():
		return "opened by " + process(e.Opener, e.OpenerPID)
	}
	return "first used by " + process(e.Opener, e.OpenerPID)
}

func process(comm string, pid uint32) string {
	if pid == 0 {
		return comm
	}
	return comm + " [" + strconv.Itoa(int(pid)) + "]"
}

func endpoint(ip netip.Addr, port uint16) string {
	return net.JoinHostPort(ip.Unmap().String(), strconv.Itoa(int(port)))
}
