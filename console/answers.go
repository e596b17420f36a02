// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"sync"
	"time"

	"tcpledger/console/picture"
	"tcpledger/internal/text"
	"tcpledger/query"
)

const (
	latestRows = 50
	causeRows  = 30
	eventRows  = 8
	// askTimeout bounds all questions of a page together.
	askTimeout = 5 * time.Second
	// maxFailure bounds an error on the page: the server's may hold the whole statement.
	maxFailure = 160
)

// answers are what ClickHouse says. Each question has its rows or its own error.
type answers struct {
	slot     time.Duration
	rates    answer[query.Rate]
	causes   answer[query.Group]
	latest   answer[query.Ending]
	events   answer[query.EventGroup]
	losses   answer[query.Loss]
	coverage answer[query.Coverage]
	shared   answer[query.SharedName]
	audit    *query.Audit // nil for a window that is not over
	auditErr error
}

type answer[T any] struct {
	rows []T
	err  error
}

// failure says in a line why there is no answer, "" if there is one.
func (a *answer[T]) failure() string { return failure(a.err) }

func failure(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.DeadlineExceeded):
		return "ClickHouse did not answer within " + askTimeout.String()
	}
	return text.Line(err.Error(), maxFailure)
}

// settled is the part of a live window whose slots are over: one that is still going on would look like a fall.
func settled(w query.Window, live bool) query.Window {
	const shortest = 10 * time.Second
	if !live || w.Length() < 2*shortest {
		return w
	}
	to := w.To.Truncate(shortest)
	return query.Window{From: to.Add(-w.Length()), To: to}
}

// ask asks everything that a page shows. The lists of a live window reach up to now; its chart does not.
func (c *console) ask(ctx context.Context, w query.Window, f query.Filter, live bool) *answers {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	drawn := settled(w, live)
	if live {
		w.To = w.To.Add(time.Second) // a host's clock may be ahead of ours
	}
	a := &answers{slot: picture.SlotOf(drawn)}
	var all sync.WaitGroup
	all.Go(func() { a.rates.rows, a.rates.err = c.client.Rates(ctx, drawn, f, int(a.slot/time.Second)) })
	all.Go(func() { a.causes.rows, a.causes.err = c.client.Endings(ctx, drawn, f, causeRows, query.Cause) })
	all.Go(func() { a.latest.rows, a.latest.err = c.client.Latest(ctx, w, f, latestRows) })
	all.Go(func() { a.events.rows, a.events.err = c.client.Events(ctx, w, f, eventRows, query.Kind, query.Reason) })
	all.Go(func() { a.losses.rows, a.losses.err = c.client.Losses(ctx, w, f) })
	all.Go(func() {
		if a.shared.rows, a.shared.err = c.client.SharedNames(ctx, w, f); a.shared.err != nil {
			a.coverage.err = a.shared.err
			return
		}
		a.coverage.rows, a.coverage.err = c.client.Coverage(ctx, w, f, a.shared.rows)
	})
	if !live {
		all.Go(func() {
			a.audit, a.auditErr = c.client.Audit(ctx, w, query.Filter{Host: f.Host}, query.AuditOptions{Now: time.Now()})
		})
	}
	all.Wait()
	return a
}

// silent reports whether no question was answered.
func (a *answers) silent() bool {
	return a.rates.err != nil && a.causes.err != nil && a.latest.err != nil && a.events.err != nil && a.losses.err != nil && a.coverage.err != nil
}
