// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"tcpledger/internal/kafka/fetch"
)

const (
	// maxTries is how often a batch is fetched before it counts as unreadable: a leader may move to a replica that is intact.
	maxTries = 3
	// maxRaw bounds the bytes of an unreadable batch that are handed on.
	maxRaw = 1 << 20
)

// bad counts the tries of a batch that cannot be read.
type bad struct {
	offset int64
	tries  int
}

// failed counts one more try at an offset and reports whether it was the last.
func (b *bad) failed(offset int64) bool {
	if b.offset != offset {
		*b = bad{offset: offset}
	}
	b.tries++
	return b.tries >= maxTries
}

// unreadable returns err until the batch at the next offset was tried maxTries times. Then it hands on the offsets that nobody
// can read, with the batch's bytes, and moves on past them.
func (p *partition) unreadable(ctx context.Context, answer *fetch.Answer, batch *fetch.Batch, err error) error {
	err = fmt.Errorf("offset %d: %w", p.next, err)
	if !p.bad.failed(p.next) {
		return err
	}
	after, askErr := p.generation.consumer.reader.After(ctx, p.request(p.next), answer, batch)
	if askErr != nil {
		return askErr
	}
	c := p.generation.consumer
	c.config.Log.Warn("messages cannot be read: they are a dead letter", "topic", p.topic, "partition", p.id, "offset", p.next,
		"to_offset", after-1, "err", err)
	c.metrics.unreadable.WithLabelValues(p.topic).Add(float64(after - p.next))
	m := &Message{Topic: p.topic, Partition: p.id, Offset: p.next, Last: after - 1, Appended: batch.Append, Unreadable: err,
		Value: bytes.Clone(batch.Raw[:min(len(batch.Raw), maxRaw)])}
	var large *fetch.LargeError
	if errors.As(err, &large) {
		m.Key, m.Value = bytes.Clone(large.Key), bytes.Clone(large.Prefix)
	}
	if err := p.handOn(ctx, m); err != nil {
		return err
	}
	p.epochs.read(m.Last, batch.Epoch)
	return nil
}
