// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"iter"
)

// DeadLetter is a message that no ingester could read in whole, with its bytes and the reason.
type DeadLetter struct {
	Topic     string `ch:"topic"`
	Partition int32  `ch:"partition"`
	Offset    int64  `ch:"offset"`
	Reason    string `ch:"reason"`
	Host      string `ch:"host"`
	Key       string `ch:"key"`
	Message   string `ch:"message"`
}

// DeadLetters yields the dead letters that arrived in the window, in the order of topic, partition and offset. An error is the
// last it yields.
func (c *Client) DeadLetters(ctx context.Context, w Window, f Filter) iter.Seq2[*DeadLetter, error] {
	where := within("received_at", w).text("host", f.Host)
	return stream[DeadLetter](ctx, c, Question{"dead letters", fmt.Sprintf(`SELECT toString(topic) AS topic, partition, offset, reason, toString(host) AS host, key, message
FROM %s
WHERE %s
ORDER BY topic, partition, offset`, c.table("dead_letters"), where), where.parameters})
}
