// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"tcpledger/internal/kafka/fetch"
	"tcpledger/internal/retry"
	"tcpledger/schema"
)

const (
	// maxFetch bounds one answer; a larger batch comes alone.
	maxFetch  = 2 << 20
	fetchWait = 500 * time.Millisecond
	// quietTries is the number of failures in a row from which on they are an outage.
	quietTries = 3
)

// partition reads one partition from the leader. It holds one answer and one message at a time.
type partition struct {
	generation    *Generation
	topic         string
	id            int
	next          int64 // offset of the next message; kafka.FirstOffset if none was committed
	committed     atomic.Int64
	highWatermark atomic.Int64
	lag           prometheus.Gauge
	bad           bad
	epochs        epochs
}

// fetchPolicy is the pause between fetches that fail.
var fetchPolicy = retry.Policy{First: 50 * time.Millisecond, Max: 2 * time.Second}

// run hands on messages until ctx ends. It never returns before: the generation would end with it.
func (p *partition) run(ctx context.Context) {
	outage := &quietOutage{partition: p}
	for ctx.Err() == nil {
		_ = retry.Until(ctx, fetchPolicy, outage, p.fetch) // its only error is the end of ctx
	}
}

// quietOutage passes on the failures of a partition from the third in a row on: a leader that moves fails a fetch or two.
type quietOutage struct {
	partition *partition
	failed    int
}

// Failing hears of a fetch that failed.
func (q *quietOutage) Failing(err error) {
	if q.failed++; q.failed >= quietTries {
		p := q.partition
		p.generation.consumer.config.Outage.Failing(fmt.Errorf("read partition %d of %s: %w", p.id, p.topic, err))
	}
}

// Recovered hears of a fetch that worked.
func (q *quietOutage) Recovered() {
	if q.failed >= quietTries {
		q.partition.generation.consumer.config.Outage.Recovered()
	}
	q.failed = 0
}

// fetch asks for messages once and hands on what came.
func (p *partition) fetch(ctx context.Context) error {
	if p.next < 0 {
		first, err := p.offset(ctx, kafka.FirstOffsetOf(p.id))
		if err != nil {
			return err
		}
		p.next = first
		p.committed.Store(first)
	}
	answer, err := p.generation.consumer.reader.Fetch(ctx, p.request(p.next))
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return p.backInRange(ctx)
	}
	if err != nil {
		return err
	}
	defer answer.Release()
	p.highWatermark.Store(answer.HighWatermark)
	p.setLag()
	for batch, err := range answer.Batches() {
		if err == nil {
			var moved bool
			if moved, err = p.rewritten(ctx, &batch); moved {
				return nil
			}
		}
		if err == nil {
			err = p.read(ctx, &batch)
		}
		if errors.Is(err, fetch.ErrUnreadable) {
			return p.unreadable(ctx, answer, &batch, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *partition) request(offset int64) fetch.Request {
	return fetch.Request{Topic: p.topic, Partition: p.id, Offset: offset, MaxBytes: maxFetch, MaxWait: fetchWait}
}

// setLag shows how far the committed offset is behind the end of the partition.
func (p *partition) setLag() {
	if p.generation.ended.Err() == nil {
		p.lag.Set(float64(max(0, p.highWatermark.Load()-p.committed.Load())))
	}
}

// read hands on the records of a batch and moves on past it. It may begin before the next offset. A control batch, the mark
// that some producer's transaction ended, has offsets but no messages.
func (p *partition) read(ctx context.Context, batch *fetch.Batch) error {
	if batch.Last < p.next {
		return nil
	}
	if err := p.skipped(ctx, batch.First); err != nil {
		return err
	}
	if !batch.Control {
		for record, err := range batch.Records(p.generation.consumer.limits) {
			if err != nil {
				return err
			}
			if record.Offset < p.next {
				continue
			}
			if err := p.handOn(ctx, p.message(batch, &record)); err != nil {
				return err
			}
			p.epochs.read(record.Offset, batch.Epoch)
		}
	}
	p.epochs.read(batch.Last, batch.Epoch)
	p.next = batch.Last + 1
	return nil
}

func (p *partition) message(batch *fetch.Batch, record *fetch.Record) *Message {
	m := &Message{Topic: p.topic, Partition: p.id, Offset: record.Offset, Last: record.Offset, Key: record.Key, Value: record.Value,
		SentAt: sentAt(record.Headers), Appended: batch.Append}
	m.ClockOff = m.clockOff()
	return m
}

// handOn gives one message to the receiver and moves on past it.
func (p *partition) handOn(ctx context.Context, m *Message) error {
	select {
	case p.generation.messages <- *m:
		p.next = m.Last + 1
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func sentAt(headers []fetch.Header) int64 {
	for _, h := range headers {
		if h.Key == schema.HeaderSentAt && len(h.Value) == 8 {
			return int64(binary.BigEndian.Uint64(h.Value))
		}
	}
	return 0
}

// backInRange moves to the first message: retention deleted the next one, or the topic was made anew.
func (p *partition) backInRange(ctx context.Context) error {
	first, err := p.offset(ctx, kafka.FirstOffsetOf(p.id))
	if err != nil {
		return err
	}
	last, err := p.offset(ctx, kafka.LastOffsetOf(p.id))
	if err != nil {
		return err
	}
	switch {
	case p.next < first:
		return p.skipped(ctx, first)
	case p.next > last:
		p.generation.consumer.config.Log.Warn("the partition is shorter than what was read of it: reading it from its beginning",
			"topic", p.topic, "partition", p.id, "committed", p.next, "last", last)
	default:
		return nil // it grew meanwhile
	}
	p.next = first
	return nil
}

// ErrDeleted says of a run of messages that Kafka deleted them before they were read.
var ErrDeleted = errors.New("deleted before they were read")

// skipped hands on the offsets before first that Kafka deleted before they were read, and moves on past them.
func (p *partition) skipped(ctx context.Context, first int64) error {
	n := first - p.next
	if n <= 0 {
		return nil
	}
	c := p.generation.consumer
	c.metrics.skipped.WithLabelValues(p.topic).Add(float64(n))
	c.config.Log.Warn("messages were deleted before they were read", "topic", p.topic, "partition", p.id, "from_offset", p.next, "messages", n)
	return p.handOn(ctx, &Message{Topic: p.topic, Partition: p.id, Offset: p.next, Last: first - 1, Unreadable: ErrDeleted})
}

// offset asks for the first or the last offset, or that of a time; -1 if no message is that late.
func (p *partition) offset(ctx context.Context, of kafka.OffsetRequest) (int64, error) {
	response, err := p.generation.consumer.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{p.topic: {of}}})
	if err != nil {
		return 0, fmt.Errorf("ask for offsets: %w", err)
	}
	for _, answer := range response.Topics[p.topic] {
		switch {
		case answer.Partition != p.id:
			continue
		case answer.Error != nil:
			return 0, fmt.Errorf("ask for offsets: %w", answer.Error)
		case of.Timestamp == kafka.FirstOffset:
			return answer.FirstOffset, nil
		case of.Timestamp == kafka.LastOffset:
			return answer.LastOffset, nil
		}
		for offset := range answer.Offsets {
			return offset, nil
		}
		return -1, nil
	}
	return 0, fmt.Errorf("ask for offsets: no answer for partition %d", p.id)
}
