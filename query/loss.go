// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"slices"

	"tcpledger/schema"
)

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
