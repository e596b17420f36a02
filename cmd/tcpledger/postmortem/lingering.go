// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"slices"

	"tcpledger/internal/report"
	"tcpledger/internal/text"
)

// lingering leaves the section out for people if no socket lingers.
func lingering(ctx context.Context, a *asked) (report.Section, error) {
	rows, err := a.client.Lingering(ctx, a.Window, a.Filter, a.Top)
	if err != nil || len(rows) == 0 {
		return report.Section{}, err
	}
	t := report.Table{Columns: slices.Concat(report.Words("state"), report.Numbers("sockets", "hosts", "longest"), report.Words("owner", "service"))}
	for _, r := range rows {
		longest := "?"
		if r.LongestUS != nil {
			longest = text.Microseconds(float64(*r.LongestUS))
		}
		service := Service{Port: r.Port, Role: r.Role}
		t.Rows = append(t.Rows, []string{r.State, dot(r.Sockets), dot(r.Hosts), longest, r.Owner, service.String()})
	}
	t.More = beyond(rows[0].Groups, len(rows))
	return report.Section{Data: rows, Tables: []report.Table{t}, Notes: []string{"each socket counts once, in the state it was last seen in; it stayed past ESTABLISHED longer than a minute"}}, nil
}
