// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"tcpledger/query"
	"tcpledger/schema"
)

// Report is the answer of a postmortem: the endings and events of a window, what was lost in it, and how far it is known. Each
// part has its own answer or its own error; Failed has the errors by the part's name in JSON.
type Report struct {
	From     time.Time         `json:"from"`
	To       time.Time         `json:"to"`
	Host     string            `json:"host,omitempty"`
	Remote   string            `json:"remote,omitempty"`
	Totals   Part[Totals]      `json:"totals"`
	Causes   Part[[]Cause]     `json:"by_cause"`
	Owners   Part[[]Owner]     `json:"by_owner"`
	Remotes  Part[[]Remote]    `json:"by_remote"`
	Paths    Part[[]Path]      `json:"by_path"`
	Events   Part[[]Event]     `json:"events"`
	Losses   Part[[]Loss]      `json:"losses"`
	Final    bool              `json:"final"`
	Open     Part[[]Open]      `json:"not_yet_known"`
	Gaps     Part[[]Gap]       `json:"not_watched"`
	Failed   map[string]string `json:"failed,omitempty"`
	Rollups  []string          `json:"rollups,omitempty"` // that parts of the report were read from; the others were read from rows
	SQL      []string          `json:"sql,omitempty"`
	Audit    Part[*Audit]      `json:"audit"`
	coverage Part[[]query.Coverage]
}

// Part is one part of a report: its answer, or the error of the question. In JSON a part that failed is null, and a list without
// rows is [].
type Part[T any] struct {
	Answer T
	Err    error
	sent   []query.Question
}

// MarshalJSON writes the answer alone.
func (p Part[T]) MarshalJSON() ([]byte, error) {
	if p.Err != nil {
		return []byte("null"), nil
	}
	text, err := json.Marshal(p.Answer)
	if err == nil && string(text) == "null" {
		return []byte("[]"), nil
	}
	return text, err
}

// collect asks for a part and notes what it sends.
func (p *Part[T]) collect(ctx context.Context, ask func(context.Context) (T, error)) {
	p.Answer, p.Err = ask(query.WithTrace(ctx, func(q query.Question) { p.sent = append(p.sent, q) }))
}

// outcome is what became of a part, whatever its answer is.
type outcome struct {
	name string
	err  error
	sent []query.Question
}

func (p *Part[T]) outcome(name string) outcome { return outcome{name, p.Err, p.sent} }

// outcomes lists the questions in the order of the report.
func (r *Report) outcomes() []outcome {
	return []outcome{r.Totals.outcome("totals"), r.Causes.outcome("by_cause"), r.Owners.outcome("by_owner"), r.Remotes.outcome("by_remote"),
		r.Paths.outcome("by_path"), r.Events.outcome("events"), r.Losses.outcome("losses"), r.coverage.outcome("coverage"), r.Audit.outcome("audit")}
}

// Collect asks all questions of the report at once; top bounds the rows of each list. A question that fails leaves its part
// without an answer. The error is that of the first question if none was answered.
func Collect(ctx context.Context, client *query.Client, w query.Window, f query.Filter, top int) (*Report, error) {
	r := &Report{From: w.From, To: w.To, Host: f.Host}
	if f.Remote.IsValid() {
		r.Remote = query.ShowRemote(f.Remote)
	}
	var all sync.WaitGroup
	all.Go(func() {
		r.Totals.collect(ctx, func(ctx context.Context) (Totals, error) { return client.Totals(ctx, w, f) })
	})
	all.Go(func() {
		r.Causes.collect(ctx, func(ctx context.Context) ([]Cause, error) { return causes(ctx, client, w, f, top) })
	})
	all.Go(func() {
		r.Owners.collect(ctx, func(ctx context.Context) ([]Owner, error) { return owners(ctx, client, w, f, top) })
	})
	all.Go(func() {
		r.Remotes.collect(ctx, func(ctx context.Context) ([]Remote, error) { return remotes(ctx, client, w, f, top) })
	})
	all.Go(func() {
		r.Paths.collect(ctx, func(ctx context.Context) ([]Path, error) { return client.Paths(ctx, w, f, top) })
	})
	all.Go(func() {
		r.Events.collect(ctx, func(ctx context.Context) ([]Event, error) { return events(ctx, client, w, f, top) })
	})
	all.Go(func() {
		r.Losses.collect(ctx, func(ctx context.Context) ([]Loss, error) { return client.Losses(ctx, w, f) })
	})
	all.Go(func() {
		r.coverage.collect(ctx, func(ctx context.Context) ([]query.Coverage, error) { return client.Coverage(ctx, w, f) })
	})
	all.Go(func() {
		r.Audit.collect(ctx, func(ctx context.Context) (*Audit, error) { return audit(ctx, client, w, f) })
	})
	all.Wait()
	r.cover(w)
	outcomes := r.outcomes()
	r.Rollups = rollups(outcomes)
	for _, o := range outcomes {
		if o.err != nil {
			if r.Failed == nil {
				r.Failed = map[string]string{}
			}
			r.Failed[o.name] = o.err.Error()
		}
	}
	if len(r.Failed) == len(outcomes) {
		return nil, r.Totals.Err
	}
	return r, nil
}

// rollups lists the rollups that questions were answered from.
func rollups(outcomes []outcome) []string {
	var names []string
	for _, rollup := range schema.Rollups() {
		if slices.ContainsFunc(outcomes, func(o outcome) bool {
			return slices.ContainsFunc(o.sent, func(q query.Question) bool { return slices.Contains(q.Tables(), rollup.Name) })
		}) {
			names = append(names, rollup.Name)
		}
	}
	return names
}
