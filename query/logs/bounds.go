// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tcpledger/query"
)

// MaxLines bounds the lines that one question matches.
const MaxLines = 200_000

// TooManyError says that a window has more lines than one question matches.
type TooManyError struct {
	Lines  uint64
	Window query.Window
}

// Error says how many lines there are, and how to narrow the question.
func (e *TooManyError) Error() string {
	return fmt.Sprintf("%d lines and spans in %s: at most %d are matched at a time; take a shorter window, a service, or errors only",
		e.Lines, e.Window.Length().Round(time.Second), MaxLines)
}

// Span is how many lines there are, and when the first and the last one was written.
type Span struct {
	Lines uint64    `ch:"lines"`
	First time.Time `ch:"first"`
	Last  time.Time `ch:"last"`
}

// countQuestion reads the columns only that the filter needs.
func (s *Source) countQuestion(w query.Window, f Filter) query.Question {
	var from []string
	for _, t := range []*table{s.logs, s.traces} {
		if t != nil {
			at := "Timestamp"
			if t.spans {
				at = "Timestamp + toIntervalNanosecond(Duration)"
			}
			from = append(from, fmt.Sprintf("SELECT toInt64(toUnixTimestamp64Micro(%s)) AS at_us\n        FROM %s\n        WHERE %s", at, t.name, t.condition(f)))
		}
	}
	return query.Question{Name: "lines of a window", SQL: fmt.Sprintf(`SELECT count() AS lines, fromUnixTimestamp64Micro(min(at_us), 'UTC') AS first, fromUnixTimestamp64Micro(max(at_us), 'UTC') AS last
FROM
(
        %s
)`, strings.Join(from, "\n        UNION ALL\n        ")), Parameters: f.parameters(w)}
}

// Count counts the lines of the window. The filter's host counts for nothing.
func (s *Source) Count(ctx context.Context, w query.Window, f Filter) (Span, error) {
	if !s.Found() {
		return Span{}, nil
	}
	rows, err := query.Ask[Span](ctx, s.client, s.countQuestion(w, f))
	if err != nil || len(rows) == 0 {
		return Span{}, err
	}
	return rows[0], nil
}

// asked asks unless there are no lines or too many of them.
func asked[T any](ctx context.Context, s *Source, w query.Window, f Filter, q query.Question) ([]T, error) {
	n, err := s.Count(ctx, w, f)
	switch {
	case err != nil:
		return nil, err
	case n.Lines > MaxLines:
		return nil, &TooManyError{n.Lines, w}
	case n.Lines == 0:
		return nil, nil
	}
	return query.Ask[T](ctx, s.client, q)
}

// firstSlice is the first step back in time of Newest; each further one is twice as long.
const firstSlice = 5 * time.Minute

// Newest looks for lines from the end of the window back and returns the newest part of the window that has any, and how far back it
// looked: one step further than where it found the first. It stops at the window's beginning, or once it has looked for longer than
// budget.
func (s *Source) Newest(ctx context.Context, w query.Window, f Filter, budget time.Duration) (part, looked query.Window, err error) {
	begun, last := time.Now(), false
	looked = query.Window{From: w.To, To: w.To}
	for slice := firstSlice; s.Found() && !last && looked.From.After(w.From) && time.Since(begun) < budget; slice *= 2 {
		next := query.Window{From: looked.From.Add(-slice), To: looked.From}
		if next.From.Before(w.From) {
			next.From = w.From
		}
		span, err := s.Count(ctx, next, f)
		if err != nil {
			return part, looked, err
		}
		looked.From, last = next.From, !part.To.IsZero()
		if span.Lines == 0 {
			continue
		}
		part.From = span.First
		if part.To.IsZero() {
			part.To = span.Last.Add(time.Microsecond)
		}
	}
	return part, looked, nil
}
