// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"time"
)

// AgedError says that the rows of a window have aged out and that no rollup answers the question in their place.
type AgedError struct {
	Table string // of the rows
}

// Error says what aged out.
func (e *AgedError) Error() string {
	return fmt.Sprintf("rows of %s that this needs have aged out, and no rollup has it: ask whole hours, or with fewer dimensions and filters (tcpledger retention says how long rows are kept)", e.Table)
}

// youngest is the least time for which rows are kept: a window that is not older has its rows.
const youngest = 24 * time.Hour

// aged reports whether rows of the window are gone: the first five minutes of it that the sums know have fewer rows than they say.
// Rows age out from the oldest on. It looks at five minutes of rows, and at none for a window of the last day. If it fails, so does
// the question itself, which says why.
func (c *Client) aged(ctx context.Context, s *subject, w Window) bool {
	if time.Since(w.From) < youngest {
		return false
	}
	q := Question{"whether rows of " + s.table + " aged out", fmt.Sprintf(`WITH
    (
        SELECT (bucket, sum(r.%[1]s)) FROM %[2]s AS r
        WHERE bucket >= toStartOfFiveMinutes(%[3]s) AND bucket < %[4]s AND r.%[1]s > 0%[7]s
        GROUP BY bucket ORDER BY bucket LIMIT 1
    ) AS oldest
SELECT ifNull(oldest.2 > (SELECT count() FROM %[5]s WHERE toStartOfFiveMinutes(%[6]s) = oldest.1), false) AS aged`,
		s.count, c.table(s.oldest), paramFrom, paramTo, c.table(s.table), s.time, s.and), w.parameters()}
	answer, err := one[struct {
		Aged bool `ch:"aged"`
	}](WithTrace(ctx, func(Question) {}), c, q) // it shows no number
	return err == nil && answer.Aged
}

// kept is an AgedError if rows of the window are gone: for a question that no rollup answers.
func (c *Client) kept(ctx context.Context, s *subject, w Window) error {
	if !c.rowsOnly && c.aged(ctx, s, w) {
		return &AgedError{s.table}
	}
	return nil
}
