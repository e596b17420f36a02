// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"slices"

	"tcpledger/internal/report"
	"tcpledger/query"
)

// bothEnds counts the endings by what both rows of their connection say together.
func bothEnds(ctx context.Context, a *asked) (report.Section, error) {
	groups, err := a.client.PairVerdicts(ctx, a.Window, a.Filter, query.DefaultAround, a.Top)
	if err != nil || len(groups) == 0 {
		return report.Section{}, err
	}
	t := report.Table{Columns: slices.Concat(report.Words("verdict"), report.Numbers("endings", "this end first", "the other", "cannot tell"))}
	for _, g := range groups {
		t.Rows = append(t.Rows, []string{g.Verdict, dot(g.Endings), dot(g.This), dot(g.Other), dot(g.CannotTell)})
	}
	t.More = beyond(groups[0].Groups, len(groups))
	return report.Section{Data: groups, Tables: []report.Table{t}, Notes: []string{"a connection of which both ends are in the window counts twice: tcpledger ends lists them"}}, nil
}
