// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"tcpledger/internal/kafka/fetch"
	"tcpledger/schema"
)

const (
	maxFetch  = 1 << 20
	fetchWait = 500 * time.Millisecond
	// answerIn is how long a broker may take: one that is connected and mute is an outage like any other.
	answerIn = 10 * time.Second
)

// limits bound what the builds topic may cost an agent: its messages are a few hundred bytes.
var limits = fetch.Limits{BatchBytes: 4 << 20, RecordBytes: 64 << 10}

// topics is what the uploader does in Kafka: read the builds topic, write both.
type topics struct {
	client *kafka.Client
	reader *fetch.Client
	writer *kafka.Writer
}

func newTopics(brokers []string, transport *kafka.Transport) *topics {
	addr := kafka.TCP(brokers...)
	return &topics{
		client: &kafka.Client{Addr: addr, Transport: transport, Timeout: answerIn},
		reader: &fetch.Client{Addr: addr, Transport: transport},
		writer: &kafka.Writer{
			Addr: addr, Transport: transport, Balancer: kafka.Murmur2Balancer{Consistent: true}, RequiredAcks: kafka.RequireAll,
			BatchSize: 1, BatchTimeout: time.Millisecond, BatchBytes: schema.MaxMessageBytes, MaxAttempts: 3,
			Compression: kafka.Lz4, // a zstd writer would keep 33 MiB for tables that are sent once
		},
	}
}

// close flushes nothing: write waits for its acknowledgements.
func (t *topics) close() { _ = t.writer.Close() }

// read gives each value of the builds topic from the offset to the end, and the offset after it. One partition: it is made
// that way (schema.Topics).
func (t *topics) read(ctx context.Context, from int64, each func(value []byte)) (int64, error) {
	first, end, err := t.bounds(ctx)
	if err != nil {
		return 0, err
	}
	next := max(from, first)
	for next < end {
		read, err := t.fetch(ctx, next, each)
		if err != nil {
			return 0, err
		}
		if read == next { // compaction emptied the rest
			break
		}
		next = read
	}
	return next, nil
}

// fetch gives each value of one answer from the offset on, and the offset after them. It passes over a batch that nobody can
// read with a nil value: at worst a table is sent again.
func (t *topics) fetch(ctx context.Context, from int64, each func(value []byte)) (next int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	request := fetch.Request{Topic: schema.TopicBuilds, Offset: from, MaxBytes: maxFetch, MaxWait: fetchWait}
	answer, err := t.reader.Fetch(ctx, request)
	if err != nil {
		return 0, err
	}
	next = from
	for batch, err := range answer.Batches() {
		if err == nil {
			next, err = records(&batch, next, each)
		}
		if err != nil {
			each(nil)
			request.Offset = next
			return t.reader.After(ctx, request, answer, &batch)
		}
	}
	return next, nil
}

// bounds gives the first offset of the builds topic and the one after its last.
func (t *topics) bounds(ctx context.Context) (first, end int64, err error) {
	r, err := t.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		schema.TopicBuilds: {kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0)}}})
	if err != nil {
		return 0, 0, err
	}
	for _, p := range r.Topics[schema.TopicBuilds] {
		if p.Partition == 0 {
			return p.FirstOffset, p.LastOffset, p.Error
		}
	}
	return 0, 0, fmt.Errorf("no partition 0: %w", kafka.UnknownTopicOrPartition)
}

// maxBelief is how long the word that a table was sent is believed. After that somebody sends it again: the word may be forged, or
// the tables be lost with a ClickHouse.
const maxBelief = 30 * 24 * time.Hour

// believed reports whether a message of that time is believed. A time of tomorrow is forged.
func believed(at time.Time) bool {
	age := time.Since(at)
	return age < maxBelief && age > -24*time.Hour
}

// records gives each value of a batch from the offset next on, and the offset after them, which is all it gives of a batch that is
// not believed. Its error is fetch.ErrUnreadable.
func records(batch *fetch.Batch, next int64, each func(value []byte)) (int64, error) {
	if !believed(batch.Time) {
		return max(next, batch.Last+1), nil
	}
	for record, err := range batch.Records(limits) {
		if err != nil {
			return next, err
		}
		if record.Offset >= next { // a batch may begin before the offset asked for
			each(record.Value)
			next = record.Offset + 1
		}
	}
	return max(next, batch.Last+1), nil
}

// write sends the pieces and, once all are acknowledged, says that the build is complete. sent counts those that are
// acknowledged, here and by an earlier try.
func (t *topics) write(ctx context.Context, buildID string, pieces [][]byte, build []byte, sent *int) error {
	for *sent < len(pieces) {
		err := t.writer.WriteMessages(ctx, kafka.Message{Topic: schema.TopicSymbols, Key: []byte(buildID), Value: pieces[*sent]})
		if err != nil {
			return err
		}
		*sent++
	}
	return t.writer.WriteMessages(ctx, kafka.Message{Topic: schema.TopicBuilds, Key: []byte(buildID), Value: build})
}
