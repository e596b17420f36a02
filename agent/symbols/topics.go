// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"

	"tcpledger/schema"
)

const (
	fetchBytes = 4 << 20
	fetchWait  = 500 * time.Millisecond
	// answerIn is how long a broker may take: one that is connected and mute is an outage like any other.
	answerIn = 10 * time.Second
)

// topics is what the uploader does in Kafka: read the builds topic, write both.
type topics struct {
	client *kafka.Client
	writer *kafka.Writer
}

func newTopics(brokers []string, transport *kafka.Transport) *topics {
	addr := kafka.TCP(brokers...)
	return &topics{
		client: &kafka.Client{Addr: addr, Transport: transport, Timeout: answerIn},
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
		r, err := t.client.Fetch(ctx, &kafka.FetchRequest{Topic: schema.TopicBuilds, Offset: next, MinBytes: 1, MaxBytes: fetchBytes, MaxWait: fetchWait})
		if err == nil {
			err = r.Error
		}
		if err != nil {
			return 0, err
		}
		read, err := records(r.Records, next, each)
		if err != nil {
			return 0, err
		}
		if read == next { // nothing is left of the rest but what compaction emptied
			break
		}
		next = read
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

// records walks through what a fetch brought and gives the offset after it.
func records(in kafka.RecordReader, next int64, each func(value []byte)) (int64, error) {
	for {
		record, err := in.ReadRecord()
		if errors.Is(err, io.EOF) {
			return next, nil
		}
		if err != nil {
			return 0, err
		}
		value, err := kafka.ReadAll(record.Value)
		if err != nil {
			return 0, err
		}
		if record.Offset >= next { // a batch begins before the offset asked for
			each(value)
			next = record.Offset + 1
		}
	}
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
