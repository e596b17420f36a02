// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"time"
)

// Arrived reports whether the tables have a record that was made at or after since: an ending, or at least a checkpoint.
func (c *Client) Arrived(ctx context.Context, since time.Time) (bool, error) {
	answer, err := one[struct {
		Arrived bool `ch:"arrived"`
	}](ctx, c, Question{"whether records arrive", fmt.Sprintf(`SELECT
    EXISTS(SELECT 1 FROM %s WHERE closed_at >= %s) OR EXISTS(SELECT 1 FROM %s WHERE at >= %s) AS arrived`,
		c.table("connections"), paramFrom, c.table("checkpoints"), paramFrom), map[string]string{"from": timeParameter(since)}})
	return answer.Arrived, err
}
