// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// DeadLetter is a message that no ingester could read in whole, with its bytes and the reason: a row of its table, which
// decode writes back with ReplayedAt once it has sent the message again.
type DeadLetter struct {
	ReceivedAt time.Time  `ch:"received_at"`
	Topic      string     `ch:"topic"`
	Partition  int32      `ch:"partition"`
	Offset     int64      `ch:"offset"`
	Reason     string     `ch:"reason"`
	Host       string     `ch:"host"`
	BootID     string     `ch:"boot_id"`
	Session    uint64     `ch:"session"`
	Streams    []uint32   `ch:"streams"`
	SeqsFrom   []uint64   `ch:"seqs_from"`
	SeqsTo     []uint64   `ch:"seqs_to"`
	Key        string     `ch:"key"`
	Message    string     `ch:"message"`
	ReplayedAt *time.Time `ch:"replayed_at"`
}

// DeadLetters yields the dead letters that arrived in the window, in the order of topic, partition and offset. An error is the
// last it yields.
func (c *Client) DeadLetters(ctx context.Context, w Window, f Filter) iter.Seq2[*DeadLetter, error] {
	where := within("received_at", w).text("host", f.Host)
	return stream[DeadLetter](ctx, c, Question{"dead letters", fmt.Sprintf(`SELECT received_at, toString(topic) AS topic, partition, offset, reason, toString(host) AS host, boot_id, session,
    streams, seqs_from, seqs_to, key, message, replayed_at
FROM %s
WHERE %s
ORDER BY topic, partition, offset`, c.table("dead_letters"), where), where.parameters})
}
