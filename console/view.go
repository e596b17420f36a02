// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"tcpledger/internal/text"
	"tcpledger/query"
	"tcpledger/schema"
)

const (
	latestRows = 50
	causeRows  = 30
	// askTimeout bounds all questions of a page together.
	askTimeout = 5 * time.Second
)

// view is all that the page shows.
type view struct {
	narrowed
	Version string
	Now     time.Time
	Window  string
	Bad     string // what is wrong with the URL
	Problem string // why ClickHouse gave no answer
	Parts   []condition
	Tiles   []tile
	Chart   chart
	Endings []ending
	Losses  []loss
	Behind  []behind
	Hosts   []string
}

type tile struct{ Name, Value, Note, Class string }

type ending struct {
	At                      time.Time
	Host, Local, Remote, IP string
	Arrow, ArrowTitle       string
	Cause, Class, Initiator string
	Error, Reset, Owner     string
	Duration                string
	Sent, Received          string
}

type loss struct{ Host, Cause, How, Records string }

// behind is a host whose last checkpoint is older than it should be.
type behind struct {
	Host  string
	Last  time.Time
	Ended bool
}

// Moment writes a time of today without its date.
func (v *view) Moment(t time.Time) string {
	if t.Format(time.DateOnly) == v.Now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// silence is how long a host may send no checkpoint: three times their period.
const silence = 30 * time.Second

// answers are what ClickHouse says.
type answers struct {
	rates  []query.Rate
	causes []query.ByCause
	latest []query.Ending
	losses []query.Loss
	known  []query.Known
}

func (c *console) ask(ctx context.Context, f query.Filter, now time.Time) (*answers, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var a answers
	fresh := f
	fresh.To = now.Add(time.Second) // the table shows what just ended, not only slots that are over
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { a.rates, err = c.ledger.Rates(ctx, f, int(slot.Seconds())); return })
	g.Go(func() (err error) { a.causes, err = c.ledger.ByCause(ctx, f, causeRows); return })
	g.Go(func() (err error) { a.latest, err = c.ledger.Latest(ctx, fresh, latestRows); return })
	g.Go(func() (err error) { a.losses, err = c.ledger.Losses(ctx, fresh); return })
	g.Go(func() (err error) { a.known, err = c.ledger.Known(ctx, fresh); return })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return &a, nil
}

func (v *view) fill(a *answers, f query.Filter) {
	v.Chart = newChart(a.rates, f, v.Now.Location())
	v.tiles(a, f)
	for i := range a.latest {
		v.Endings = append(v.Endings, newEnding(&a.latest[i], v.Now.Location()))
	}
	for _, l := range a.losses {
		_, how := l.Explain()
		v.Losses = append(v.Losses, loss{l.Host, l.Cause, how, text.Count(l.Records)})
	}
	for _, k := range a.known {
		v.Hosts = append(v.Hosts, k.Host)
		if v.Now.Sub(k.Last) > silence {
			v.Behind = append(v.Behind, behind{Host: k.Host, Last: k.Last.In(v.Now.Location()), Ended: k.Phase == "end"})
		}
	}
	slices.Sort(v.Hosts)
}

// recentSlots is the minute whose rate the first tile shows.
const recentSlots = int64(time.Minute / slot)

// connectCauses are the ends of connections that never came to be.
var connectCauses = []schema.Cause{schema.CauseRefused, schema.CauseConnectTimeout, schema.CauseUnreachable, schema.CauseConnectAbandoned, schema.CauseNoLocalPort}

func (v *view) tiles(a *answers, f query.Filter) {
	var recent, all, resets, connects, lost uint64
	for _, r := range a.rates {
		if r.Slot >= f.To.Unix()-recentSlots*int64(slot.Seconds()) {
			recent += r.Endings
		}
	}
	for _, c := range a.causes {
		all += c.Endings
		resets += c.ResetsSent + c.ResetsReceived
		if slices.Contains(connectCauses, schema.Cause(c.Cause)) {
			connects += c.Endings
		}
	}
	for _, l := range a.losses {
		if meaning, _ := l.Explain(); meaning == schema.Lost {
			lost += l.Records
		}
	}
	bad := func(n uint64, class string) string {
		if n == 0 {
			return ""
		}
		return class
	}
	v.Tiles = []tile{
		{"endings / s", strconv.FormatFloat(float64(recent)/time.Minute.Seconds(), 'f', 1, 64), "last minute", ""},
		{"endings", text.Count(all), v.Window, ""},
		{"with a reset", text.Count(resets), share(resets, all), bad(resets, "warn")},
		{"failed connects", text.Count(connects), share(connects, all), bad(connects, "warn")},
		{"records lost", text.Count(lost), v.Window, bad(lost, "bad")},
	}
}

func share(n, of uint64) string {
	if of == 0 {
		return "of none"
	}
	return strconv.FormatFloat(100*float64(n)/float64(of), 'f', 1, 64) + " %"
}

func newEnding(e *query.Ending, zone *time.Location) ending {
	out := ending{At: e.ClosedAt.In(zone), Host: e.Host, Local: endpoint(e.LocalIP, e.LocalPort), Remote: endpoint(e.RemoteIP, e.RemotePort),
		IP: e.RemoteIP.Unmap().String(), Cause: e.Cause, Class: class(e.Cause), Initiator: e.Initiator, Error: e.Error, Owner: e.Comm,
		Duration: "?", Sent: text.Dot(e.Sent, text.Bytes), Received: text.Dot(e.Received, text.Bytes)}
	if e.DurationUS != nil {
		out.Duration = text.Microseconds(float64(*e.DurationUS))
	}
	if e.Reset != string(schema.ResetNone) {
		out.Reset = "reset " + e.Reset
	}
	if e.PID != 0 {
		out.Owner += " [" + strconv.Itoa(int(e.PID)) + "]"
	}
	switch e.Role {
	case "client":
		out.Arrow, out.ArrowTitle = "→", "this host connected"
	case "server":
		out.Arrow, out.ArrowTitle = "←", "this host accepted"
	default:
		out.Arrow, out.ArrowTitle = "–", "who connected is not known"
	}
	return out
}

func endpoint(ip netip.Addr, port uint16) string {
	return net.JoinHostPort(ip.Unmap().String(), strconv.Itoa(int(port)))
}
