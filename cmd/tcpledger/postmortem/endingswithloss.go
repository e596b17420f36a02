// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"slices"

	"tcpledger/internal/report"
	"tcpledger/internal/text"
	"tcpledger/query"
)

// endingsWithLoss says of which endings the host itself made the loss. It leaves the section out for people if no connection had sent
// anything again.
func endingsWithLoss(ctx context.Context, a *asked) (report.Section, error) {
	rows, err := a.client.EndingsWithLoss(ctx, a.Window, a.Filter, a.Top)
	if err != nil || len(rows) == 0 {
		return report.Section{}, err
	}
	t := report.Table{Columns: slices.Concat(report.Words("host"), report.Numbers("endings", "own loss", "segments", "needless", "packets", "dropped here", "elsewhere", "no drop seen"), report.Words("cause", "drop reasons"))}
	for i := range rows {
		r := &rows[i]
		t.Rows = append(t.Rows, []string{r.Host, dot(r.Endings), dot(r.Own), dot(r.Retransmits), dot(r.Needless), dot(r.Seen), dot(r.Here), dot(r.Elsewhere), dot(r.NoDrop), r.Cause, reasons(r.Reasons)})
	}
	t.More = beyond(rows[0].Groups, len(rows))
	return report.Section{Data: rows, Tables: []report.Table{t}, Notes: []string{"endings after something was sent again; own loss counts those of which this host dropped a packet itself; " +
		"packets are those that the ledger has, from " + text.Duration(query.ResentBefore) + " before the window on"}}, nil
}
