// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"tcpledger/internal/report"
	"tcpledger/query"
	"tcpledger/query/logs"
	"tcpledger/query/when"
	"tcpledger/schema"
)

// Scope is what a report is about: Top bounds the rows of each list, Zone is that of the times shown, and Now the moment of asking,
// against which silence is measured. Against is the window that this one is compared with, nil for none, and Logs are the tables of
// business logs.
type Scope struct {
	Window  query.Window
	Against *query.Window
	OfStorm bool // Against becomes the past of the window's largest storm
	Filter  query.Filter
	Logs    logs.Tables
	Top     int
	Zone    *time.Location
	Now     time.Time
}

// show writes a moment in the report's zone.
func (s *Scope) show(t time.Time) string { return when.Show(t.In(s.Zone)) }

// asked is what a part asks with, and the questions that it sent.
type asked struct {
	*Scope
	client *query.Client
	mu     sync.Mutex
	sent   []query.Question
}

// part asks what one or several sections need. It is a file of its own.
type part func(context.Context, *asked) []report.Section

// section makes the part that one question answers. name is the section's in JSON.
func section(name, title string, ask func(context.Context, *asked) (report.Section, error)) part {
	return func(ctx context.Context, a *asked) []report.Section {
		out, err := ask(ctx, a)
		out.Name, out.Title, out.Err = name, title, err
		out.Gone = errors.As(err, new(*query.AgedError))
		return []report.Section{out}
	}
}

// trace notes each question.
func (a *asked) trace(q query.Question) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent = append(a.sent, q)
}

// texts are the questions in a form that clickhouse-client takes.
func (a *asked) texts() []string {
	out := make([]string, len(a.sent))
	for i, q := range a.sent {
		out[i] = q.Text()
	}
	return out
}

// Collect asks all parts at once. A question that fails leaves its section without an answer. The error is that of the first section
// if none was answered.
func Collect(ctx context.Context, client *query.Client, s *Scope) (*report.Report, error) {
	all := make([]*asked, len(parts))
	sections := make([][]report.Section, len(parts))
	var done sync.WaitGroup
	for i, ask := range parts {
		all[i] = &asked{Scope: s, client: client}
		done.Go(func() {
			sections[i] = ask(query.WithTrace(ctx, all[i].trace), all[i])
			if len(sections[i]) > 0 {
				sections[i][0].SQL = all[i].texts()
			}
		})
	}
	done.Wait()
	r := &report.Report{Title: s.title(), Head: s.head(), Fields: s.fields(), Sections: slices.Concat(sections...)}
	if !slices.ContainsFunc(sections, answered) {
		return nil, r.Sections[0].Err
	}
	r.Sections = append(r.Sections, sums(all))
	return r, nil
}

// answered reports whether a part has an answer and none of its sections failed.
func answered(part []report.Section) bool {
	return slices.ContainsFunc(part, func(s report.Section) bool { return s.Data != nil }) &&
		!slices.ContainsFunc(part, func(s report.Section) bool { return s.Err != nil })
}

// sums names the rollups that parts were answered from; not that of the checkpoints, which each audit asks and which sums up no rows.
func sums(all []*asked) report.Section {
	out := report.Section{Name: "rollups", Title: "Sums"}
	var names []string
	for _, rollup := range schema.Rollups() {
		if rollup.Source != "checkpoints" && slices.ContainsFunc(all, func(a *asked) bool {
			return slices.ContainsFunc(a.sent, func(q query.Question) bool { return slices.Contains(q.Tables(), rollup.Name) })
		}) {
			names = append(names, rollup.Name)
		}
	}
	if len(names) > 0 {
		out.Data = names
		out.Notes = []string{"read from " + join(names) + "; counts are exact, a median with ~ is right within a factor of 1.5"}
	}
	return out
}
