// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"tcpledger/schema"
)

// Loss is a loss of the window. Kind is numbered (ranges that will never become rows) or unnumbered (totals of what was never
// numbered).
type Loss struct {
	Host    string `ch:"host" json:"host"`
	Kind    string `ch:"kind" json:"kind"`
	Cause   string `ch:"cause" json:"cause"`
	Records uint64 `ch:"records" json:"records"`
}

// Explain says what a loss means, for a person. A total that only a newer agent knows counts as a loss.
func (l *Loss) Explain() (schema.Meaning, string) {
	if l.Kind == "numbered" {
		return schema.Lost, "captured and lost"
	}
	if t, ok := schema.FindTotal(l.Cause); ok {
		return t.Meaning, t.Text
	}
	return schema.Lost, "never numbered"
}

// losses leaves out the totals that count no loss and puts the worst first.
func losses(rows []Loss) []Loss {
	rows = slices.DeleteFunc(rows, func(l Loss) bool {
		meaning, _ := l.Explain()
		return meaning == schema.Info
	})
	slices.SortStableFunc(rows, func(a, b Loss) int {
		x, _ := a.Explain()
		y, _ := b.Explain()
		return cmp.Compare(x, y)
	})
	return rows
}

// Losses lists what was lost in the window, on f.Host or everywhere, the worst first.
func (c *Client) Losses(ctx context.Context, w Window, f Filter) ([]Loss, error) {
	if l, ok := c.lossSums(ctx, w); ok {
		rows, err := ask[Loss](ctx, c, c.lossesOf(l, w, f))
		return losses(rows), err
	}
	where, parameters := "", w.parameters()
	if f.Host != "" {
		where, parameters["host"] = "\nWHERE host = {host:String}", textParameter(f.Host)
	}
	rows, err := ask[Loss](ctx, c, Question{"losses", fmt.Sprintf(`SELECT toString(host) AS host, kind, toString(cause) AS cause, toUInt64(records) AS records
FROM %s(from = {from:String}, to = {to:String})%s
ORDER BY records DESC, host, kind, cause
LIMIT %d`, c.table("losses"), where, maxRows), parameters})
	return losses(rows), err
}
