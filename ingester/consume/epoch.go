// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/segmentio/kafka-go"

	"tcpledger/internal/kafka/fetch"
)

// A partition counts its elections, and each batch says in which epoch its leader wrote it. An election of a broker that lacks
// acknowledged messages ("unclean") cuts them off, and others get their offsets: who goes on behind them passes those by. So when the
// epoch changes, the last batch that was read is looked at again. If its offset now has a later epoch, the partition is read from the
// first offset of a later epoch on. An offset is committed with the epoch of what is before it.

// unknownEpoch is that of an offset before which nothing was read. An offset that was committed with the first epoch, 0, may be of a
// client without epochs: it says nothing either.
const unknownEpoch = -1

// epochs are those of the batches that were read and are not committed, and one before. The zero value has none.
type epochs struct {
	mu    sync.Mutex
	spans []span // by from; each reaches to the next
}

// span is an epoch and the first offset that was read in it.
type span struct {
	from  int64
	epoch int32
}

// read keeps the epoch of messages from an offset on, once one of them was handed on: an offset with an epoch that is too early is read
// again, one with an epoch that is too late is not.
func (e *epochs) read(from int64, epoch int32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for n := len(e.spans); n > 0 && e.spans[n-1].from > from; n-- {
		e.spans = e.spans[:n-1] // the partition is read again
	}
	if n := len(e.spans); n == 0 || e.spans[n-1].epoch != epoch {
		e.spans = append(e.spans, span{from, epoch})
	}
}

// before gives the epoch of the last message before an offset, and forgets those before it: offsets are asked for in order.
func (e *epochs) before(offset int64) int32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.spans) > 1 && e.spans[1].from < offset {
		e.spans = e.spans[1:]
	}
	if len(e.spans) == 0 || e.spans[0].from >= offset {
		return unknownEpoch
	}
	return e.spans[0].epoch
}

// last gives the epoch of what was read last.
func (e *epochs) last() int32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.spans) == 0 {
		return unknownEpoch
	}
	return e.spans[len(e.spans)-1].epoch
}

// rewritten moves back if what was read last before the batch is not in the partition any more, and reports whether it did.
func (p *partition) rewritten(ctx context.Context, batch *fetch.Batch) (bool, error) {
	ours := p.epochs.last()
	if ours == unknownEpoch || ours == batch.Epoch || p.next <= 0 {
		return false, nil
	}
	later, err := p.laterAt(ctx, p.next-1, ours)
	if err != nil || !later {
		return false, err
	}
	low, err := p.offset(ctx, kafka.FirstOffsetOf(p.id))
	if err != nil {
		return false, err
	}
	high := p.next - 1 // the epochs of a partition only grow, and that of high is later than ours
	for low < high {
		middle := low + (high-low)/2
		if later, err = p.laterAt(ctx, middle, ours); err != nil {
			return false, err
		}
		if later {
			high = middle
		} else {
			low = middle + 1
		}
	}
	c := p.generation.consumer
	c.config.Log.Warn("a broker was elected that lacked acknowledged messages: reading again what was written in their place",
		"topic", p.topic, "partition", p.id, "from_offset", high, "messages", p.next-high)
	c.metrics.rewritten.WithLabelValues(p.topic).Inc()
	p.next = high
	return true, nil
}

// laterAt reports whether the message at an offset was written in a later epoch. Of one that was deleted nobody knows.
func (p *partition) laterAt(ctx context.Context, offset int64, epoch int32) (bool, error) {
	request := p.request(offset)
	request.MaxBytes = 1 // a broker sends one batch at least
	answer, err := p.generation.consumer.reader.Fetch(ctx, request)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at offset %d again: %w", offset, err)
	}
	defer answer.Release()
	for batch, err := range answer.Batches() {
		return err == nil && batch.First <= offset && batch.Epoch > epoch, nil
	}
	return false, nil
}
