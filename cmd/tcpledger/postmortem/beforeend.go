// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"tcpledger/internal/report"
	"tcpledger/internal/text"
	"tcpledger/query"
)

// beforeEnd leaves the section out for people if no connection had trouble before its end.
func beforeEnd(ctx context.Context, a *asked) (report.Section, error) {
	rows, err := a.client.BeforeEnd(ctx, a.Window, a.Filter, a.Top)
	if err != nil || len(rows) == 0 {
		return report.Section{}, err
	}
	t := report.Table{Columns: slices.Concat(report.Words("cause"), report.Numbers("endings", "retransmitted", "segments", "unanswered", "dropped", "packets"), report.Words("drop reasons"))}
	for i := range rows {
		r := &rows[i]
		t.Rows = append(t.Rows, []string{r.Cause, dot(r.Endings), dot(r.Retransmitted), dot(r.Retransmits), dot(r.Unanswered), dot(r.Dropped), dot(r.Drops), reasons(r.Reasons)})
	}
	return report.Section{Data: rows, Tables: []report.Table{t}, Notes: []string{"retransmitted, unanswered and dropped count connections; drops are those of a known socket, from " +
		text.Duration(query.DropsBefore) + " before the window on"}}, nil
}

// reasons lists why packets were dropped, the most frequent first.
func reasons(counted map[string]uint64) string {
	names := slices.SortedFunc(maps.Keys(counted), func(x, y string) int {
		return cmp.Or(cmp.Compare(counted[y], counted[x]), strings.Compare(x, y))
	})
	for i, name := range names {
		names[i] = name + " " + text.Count(counted[name])
	}
	if len(names) > maxCauses {
		names = append(names[:maxCauses], "…")
	}
	return strings.Join(names, ", ")
}
