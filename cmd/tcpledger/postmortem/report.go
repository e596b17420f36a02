// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"tcpledger/query"
)

// Report is the answer of a postmortem: the endings of a window, what was lost in it, and how far it is known.
type Report struct {
	From    time.Time        `json:"from"`
	To      time.Time        `json:"to"`
	Host    string           `json:"host,omitempty"`
	Remote  string           `json:"remote,omitempty"`
	Totals  query.Totals     `json:"totals"`
	Causes  []query.ByCause  `json:"by_cause"`
	Owners  []query.ByOwner  `json:"by_owner"`
	Remotes []query.ByRemote `json:"by_remote"`
	Paths   []query.ByPath   `json:"by_path"`
	Losses  []query.Loss     `json:"losses"`
	Final   bool             `json:"final"`
	Open    []Open           `json:"not_yet_known"`
	Gaps    []Gap            `json:"not_watched"`
	SQL     []string         `json:"sql,omitempty"`
}

// Open is a host whose part of the answer is not final: From is its last checkpoint, nil where none is near the window. Ended
// means that its agent ended in order then, so that nothing more is to come.
type Open struct {
	Host  string     `json:"host"`
	From  *time.Time `json:"from"`
	Ended bool       `json:"agent_ended"`
}

// Gap is a part of the window that no agent on a host vouches for, and never will.
type Gap struct {
	Host string `json:"host"`
	query.Span
}

// Collect asks all questions of the report. The window is filter's; top bounds each list.
func Collect(ctx context.Context, ledger *query.Ledger, filter query.Filter, top int) (*Report, error) {
	r := &Report{From: filter.From, To: filter.To, Host: filter.Host}
	if filter.Remote.IsValid() {
		r.Remote = showRemote(filter.Remote)
	}
	var known []query.Known
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { r.Totals, err = ledger.Totals(ctx, filter); return })
	g.Go(func() (err error) { r.Causes, err = ledger.ByCause(ctx, filter, top); return })
	g.Go(func() (err error) { r.Owners, err = ledger.ByOwner(ctx, filter, top); return })
	g.Go(func() (err error) { r.Remotes, err = ledger.ByRemote(ctx, filter, top); return })
	g.Go(func() (err error) { r.Paths, err = ledger.ByPath(ctx, filter, top); return })
	g.Go(func() (err error) { r.Losses, err = ledger.Losses(ctx, filter); return })
	g.Go(func() (err error) { known, err = ledger.Known(ctx, filter); return })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	r.Open = openHosts(known, filter.To)
	for _, k := range known {
		for _, span := range k.Gaps(filter.From, filter.To) {
			r.Gaps = append(r.Gaps, Gap{k.Host, span})
		}
	}
	r.Final = len(known) > 0 && len(r.Open) == 0 && len(r.Gaps) == 0
	return r, nil
}

// openHosts lists the hosts whose last checkpoint is before to.
func openHosts(known []query.Known, to time.Time) []Open {
	var out []Open
	for _, k := range known {
		switch {
		case !k.Last.Before(to):
		case k.Never():
			out = append(out, Open{Host: k.Host})
		default:
			out = append(out, Open{Host: k.Host, From: &k.Last, Ended: k.Phase == "end"})
		}
	}
	return out
}
