// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
)

// Doubts counts what is not known about the endings of a window. ClockErrorUS is the largest error of a time among them.
type Doubts struct {
	Endings      uint64 `ch:"endings" json:"endings"`
	Cause        uint64 `ch:"no_cause" json:"unknown_cause"`
	Initiator    uint64 `ch:"no_initiator" json:"unknown_initiator"`
	Role         uint64 `ch:"no_role" json:"unknown_role"`
	Owner        uint64 `ch:"no_owner" json:"unknown_owner"`
	Beginning    uint64 `ch:"no_beginning" json:"began_before_agent"`
	Stack        uint64 `ch:"no_stack" json:"without_stack"`
	Skipped      uint64 `ch:"skipped" json:"skipped_by_budget"`
	ClockOff     uint64 `ch:"clocks_off" json:"clock_off"`
	ClockErrorUS uint64 `ch:"clock_error" json:"max_clock_error_us"`
}

// Doubts counts what is not known about the endings of the window.
func (c *Client) Doubts(ctx context.Context, w Window, f Filter) (Doubts, error) {
	if err := c.kept(ctx, ofEndings, w); err != nil {
		return Doubts{}, err
	}
	where := f.endings(w)
	return one[Doubts](ctx, c, Question{"what is not known", fmt.Sprintf(`SELECT count() AS endings, countIf(cause = 'unknown') AS no_cause, countIf(initiator = 'unknown') AS no_initiator,
    countIf(role = 'unknown') AS no_role, countIf(owner_how = 'unknown') AS no_owner, countIf(isNull(duration_us)) AS no_beginning,
    countIf(stack_id = 0) AS no_stack, toUInt64(sum(greatest(weight, 1) - 1)) AS skipped, countIf(clock_off) AS clocks_off,
    toUInt64(max(clock_error_us)) AS clock_error
FROM %s
WHERE %s`, c.table("connections"), where), where.parameters})
}
