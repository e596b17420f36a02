// SPDX-License-Identifier: Apache-2.0

package ends

import (
	"context"
	"slices"
	"time"

	"tcpledger/internal/report"
	"tcpledger/internal/text"
	"tcpledger/query"
)

// traced gives ctx a place for the questions that it sends.
func traced(ctx context.Context, s *report.Section) context.Context {
	return query.WithTrace(ctx, func(q query.Question) { s.SQL = append(s.SQL, q.Text()) })
}

// verdicts counts the endings by what both ends say together.
func (o *options) verdicts(ctx context.Context, client *query.Client, w query.Window) report.Section {
	s := report.Section{Name: "verdicts", Title: "What both ends say"}
	groups, err := client.PairVerdicts(traced(ctx, &s), w, o.filter, o.around, o.top)
	if s.Err = err; err != nil || len(groups) == 0 {
		s.Notes = []string{"no connection ended"}
		return s
	}
	t := report.Table{Columns: slices.Concat(report.Words("verdict"), report.Numbers("endings", "first this", "other", "cannot tell"))}
	for _, g := range groups {
		t.Rows = append(t.Rows, []string{g.Verdict, dot(g.Endings), dot(g.This), dot(g.Other), dot(g.CannotTell)})
	}
	t.More = groups[0].Groups - uint64(len(groups))
	s.Data, s.Tables = groups, []report.Table{t}
	return s
}

func dot(n uint64) string { return text.Dot(n, text.Count) }

// connections lists the connections with their other ends.
func (o *options) connections(ctx context.Context, client *query.Client, w query.Window) report.Section {
	s := report.Section{Name: "connections", Title: "Connections"}
	ask := client.BothEnds
	if o.between {
		s.Title, ask = "What neither end did", client.ResetsBetween
	}
	pairs, err := ask(traced(ctx, &s), w, o.filter, o.around, o.top)
	if s.Err = err; err != nil || len(pairs) == 0 {
		s.Notes = []string{"none"}
		return s
	}
	t := report.Table{Columns: slices.Concat(report.Words("closed", "host", "this end", "cause", "other host", "other end", "cause", "first"),
		report.Numbers("other after"), report.Words("verdict"))}
	for i := range pairs {
		t.Rows = append(t.Rows, o.row(&pairs[i]))
	}
	s.Data, s.Tables = pairs, []report.Table{t}
	return s
}

func (o *options) row(p *query.Pair) []string {
	other := ""
	if p.Candidates > 0 {
		other = p.Other.Local + " < " + p.Other.Remote
	}
	return []string{p.This.ClosedAt.In(o.window.Location()).Format("15:04:05.000"), p.This.Host, p.This.Local + " > " + p.This.Remote, p.This.Cause,
		p.Other.Host, other, p.Other.Cause, p.First, apart(p), p.Verdict}
}

// apart says how long after this end the other one ended, and how far that may be wrong.
func apart(p *query.Pair) string {
	if p.ApartUS == nil {
		return "?"
	}
	return (time.Duration(*p.ApartUS) * time.Microsecond).String() + " ± " + (time.Duration(p.ErrorUS) * time.Microsecond).String()
}
