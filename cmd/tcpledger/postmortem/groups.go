// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tcpledger/internal/report"
	"tcpledger/internal/text"
	"tcpledger/query"
)

func dot(n uint64) string { return text.Dot(n, text.Count) }

func size(n uint64) string { return text.Dot(n, text.Bytes) }

// grouping is endings by dimensions as a section: a row of type T for each group.
type grouping[T any] struct {
	what   string // the heading of the rows
	by     []query.Dimension
	row    func(*query.Group) (T, error)
	counts func(*T) *query.Counts
	name   func(*T) string
}

func (g grouping[T]) ask(ctx context.Context, a *asked) (report.Section, error) {
	groups, err := a.client.Endings(ctx, a.Window, a.Filter, a.Top, g.by...)
	if err != nil {
		return report.Section{}, err
	}
	var rows []T
	for i := range groups {
		row, err := g.row(&groups[i])
		if err != nil {
			return report.Section{}, err
		}
		rows = append(rows, row)
	}
	return report.Section{Data: rows, Tables: grouped(g.what, rows, g.counts, g.name, report.Words("causes"),
		func(row *T) []string { return []string{causeList(g.counts(row))} })}, nil
}

// portOf reads a port of a group's key.
func portOf(key string) (uint16, error) {
	port, err := strconv.ParseUint(key, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("read a port: %w", err)
	}
	return uint16(port), nil
}

// grouped is a table of endings by something, called what. cells gives what is beside the counts of a row.
func grouped[T any](what string, rows []T, counts func(*T) *query.Counts, name func(*T) string, columns []report.Column, cells func(*T) []string) []report.Table {
	if len(rows) == 0 {
		return nil
	}
	t := report.Table{Columns: slices.Concat(report.Words(what), report.Numbers("endings", "rst sent", "rst recv", "median", "sent", "received"), columns)}
	for i := range rows {
		row, c := &rows[i], counts(&rows[i])
		t.Rows = append(t.Rows, slices.Concat([]string{name(row), dot(c.Endings), dot(c.ResetsSent), dot(c.ResetsReceived), median(c), size(c.Sent), size(c.Received)}, cells(row)))
		t.More = c.Groups
	}
	t.More = beyond(t.More, len(rows))
	return []report.Table{t}
}

// beyond is how many of so many groups are not shown.
func beyond(groups uint64, shown int) uint64 { return max(groups, uint64(shown)) - uint64(shown) }

// median writes the median duration, "?" if it is not known, with ~ before it if it is rough.
func median(c *query.Counts) string {
	switch {
	case c.MedianUS == nil:
		return "?"
	case c.Rough:
		return "~" + text.Microseconds(*c.MedianUS)
	}
	return text.Microseconds(*c.MedianUS)
}

// maxCauses is as many causes of a group as a line has room for.
const maxCauses = 3

func causeList(c *query.Counts) string {
	var out []string
	for i, top := range c.TopCauses() {
		if i == maxCauses {
			out = append(out, "…")
			break
		}
		out = append(out, top.Cause+" "+text.Count(top.Count))
	}
	return strings.Join(out, ", ")
}
