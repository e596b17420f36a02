// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"

	"tcpledger/internal/report"
	"tcpledger/internal/text"
	"tcpledger/query"
)

// failedConnects leaves the section out for people if every connection came to be.
func failedConnects(ctx context.Context, a *asked) (report.Section, error) {
	rows, err := a.client.FailedConnects(ctx, a.Window, a.Filter, a.Top)
	if err != nil || len(rows) == 0 {
		return report.Section{}, err
	}
	t := report.Table{Columns: slices.Concat(report.Words("to"), report.Numbers("attempts", "hosts", "median wait"), report.Words("cause", "error", "owner", "turned away by"))}
	for _, r := range rows {
		wait := "?"
		if r.WaitUS != nil {
			wait = text.Microseconds(*r.WaitUS)
		}
		t.Rows = append(t.Rows, []string{net.JoinHostPort(r.RemoteIP, strconv.Itoa(int(r.Port))), dot(r.Attempts), dot(r.Hosts), wait, r.Cause, r.Error, r.Owner, turnedAway(&r)})
	}
	t.More = beyond(rows[0].Groups, len(rows))
	return report.Section{Data: rows, Tables: []report.Table{t}}, nil
}

// turnedAway names the listeners whose queue was full.
func turnedAway(r *query.FailedConnects) string {
	if r.TurnedAway == 0 {
		return ""
	}
	return strings.Join(r.Listeners, ", ") + ": " + dot(r.TurnedAway)
}
