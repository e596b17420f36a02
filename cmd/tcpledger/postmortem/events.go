// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"slices"

	"tcpledger/internal/report"
	"tcpledger/query"
)

// Event is the events of one kind and reason.
type Event struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
	query.EventGroup
}

// events leaves the section out for people if nothing happened.
func events(ctx context.Context, a *asked) (report.Section, error) {
	groups, err := a.client.Events(ctx, a.Window, a.Filter, a.Top, query.Kind, query.Reason)
	if err != nil || len(groups) == 0 {
		return report.Section{}, err
	}
	var rows []Event
	t := report.Table{Columns: slices.Concat(report.Words("kind"), report.Numbers("recorded", "skipped", "hosts", "payload"), report.Words("reason"))}
	for _, e := range groups {
		rows = append(rows, Event{e.Key[0], e.Key[1], e})
		t.Rows = append(t.Rows, []string{e.Key[0], dot(e.Events), dot(max(e.Records, e.Events) - e.Events), dot(e.Hosts), size(e.Bytes), e.Key[1]})
	}
	t.More = beyond(groups[0].Groups, len(groups))
	return report.Section{Data: rows, Tables: []report.Table{t}}, nil
}
