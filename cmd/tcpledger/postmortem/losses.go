// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"slices"

	"tcpledger/internal/report"
	"tcpledger/internal/text"
)

func losses(ctx context.Context, a *asked) (report.Section, error) {
	rows, err := a.client.Losses(ctx, a.Window, a.Filter)
	if len(rows) == 0 {
		return report.Section{Data: rows, Notes: []string{"none"}}, err
	}
	t := report.Table{Columns: slices.Concat(report.Words("host"), report.Numbers("records"), report.Words("cause", ""))}
	for _, loss := range rows {
		_, how := loss.Explain()
		t.Rows = append(t.Rows, []string{loss.Host, text.Count(loss.Records), loss.Cause, how})
	}
	return report.Section{Data: rows, Tables: []report.Table{t}}, err
}
