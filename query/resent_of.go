// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"time"
)

// Makeup is packets that a connection sent again for the same reason and for drops of one kind. Explained says in words what explains them; Host
// is empty if no drop is known. Symbols are the frames of the drop's code path, innermost first, empty if there is no stack or no name yet.
type Makeup struct {
	Why       string    `ch:"why" json:"why"`
	Explained string    `ch:"explained" json:"explained"`
	Here      bool      `ch:"here" json:"dropped_on_this_host"`
	Host      string    `ch:"drop_host" json:"drop_host"`
	Reason    string    `ch:"drop_reason" json:"drop_reason"`
	Direction string    `ch:"drop_direction" json:"drop_direction"`
	StackID   uint64    `ch:"stack" json:"drop_stack_id"`
	Symbols   []string  `json:"drop_symbols"`
	Packets   uint64    `ch:"packets" json:"packets"`
	Records   uint64    `ch:"records" json:"records"` // with what a budget skipped
	FirstAt   time.Time `ch:"first_at" json:"first_at"`
	LastAt    time.Time `ch:"last_at" json:"last_at"`
}

// maxMakeups bounds the kinds of drops that one connection made up for.
const maxMakeups = 20

// ResentOf says what the connection conn of a host and session sent again in the window, and which drops explain it; the most frequent first,
// at most 20. It asks twice: for the packets, then for the frames.
func (c *Client) ResentOf(ctx context.Context, w Window, row RowID, conn uint64) ([]Makeup, error) {
	where := within("at", w).text("host", row.Host)
	where.add("session = {session:UInt64}", "session", fmt.Sprint(row.Session))
	where.add("conn = {conn:UInt64}", "conn", fmt.Sprint(conn))
	rows, err := ask[Makeup](ctx, c, Question{"what a connection sent again", fmt.Sprintf(`SELECT toString(why) AS why, explained, dropped_here AS here, drop_host, drop_reason, drop_direction, drop_stack_id AS stack,
    count() AS packets, sum(weight) AS records, min(at) AS first_at, max(at) AS last_at
FROM (SELECT * FROM %s(from = %s, to = %s) WHERE %s)
GROUP BY why, explained, here, drop_host, drop_reason, drop_direction, stack
ORDER BY packets DESC, why, explained, drop_host, drop_reason, drop_direction, stack
LIMIT %d`, c.table("retransmissions"), paramFrom, paramTo, where, maxMakeups), where.parameters})
	if err != nil {
		return nil, err
	}
	var stacks []uint64
	for i := range rows {
		if rows[i].StackID != 0 {
			stacks = append(stacks, rows[i].StackID)
		}
	}
	symbols, err := c.Symbols(ctx, stacks)
	for i := range rows {
		rows[i].Symbols = symbols[rows[i].StackID]
	}
	return rows, err
}
