// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"tcpledger/schema"
)

const (
	// requestBytes bounds a produce request before compression, under the brokers' default limit of 1 MiB a record batch.
	requestBytes   = 900 << 10
	requestTimeout = 10 * time.Second
	// compression: zstd saves a fifth of the bytes for six times the CPU of the host that is watched (BenchmarkCompression).
	compression = kafka.Lz4
)

// deliver sends one request's messages and reports whether they left the queue: they are with the broker, or refused for
// ever. Otherwise this try failed, and it has waited.
func (p *Publisher) deliver(ctx context.Context, batch []Message) bool {
	began := time.Now()
	err := p.produce(ctx, batch)
	switch {
	case err == nil:
		p.config.Outage.Recovered()
		p.retry.Reset()
		p.metrics.produceSeconds.Observe(time.Since(began).Seconds())
		p.delivered(batch)
		return true
	case tooLarge(err) && len(batch) > 1:
		return p.deliverSingly(ctx, len(batch))
	case tooLarge(err):
		p.refused(&batch[0], err)
		return true
	}
	p.failed(ctx, err)
	return false
}

// deliverSingly sends the first n messages one by one, which were too large together.
func (p *Publisher) deliverSingly(ctx context.Context, n int) bool {
	for range n {
		p.mu.Lock()
		first := p.queue.front(0)
		p.mu.Unlock()
		if len(first) == 0 || !p.deliver(ctx, first) {
			return false
		}
	}
	return true
}

func (p *Publisher) delivered(batch []Message) {
	for i := range batch {
		m := &batch[i]
		p.metrics.messages.WithLabelValues(m.Topic).Inc()
		p.metrics.bytes.WithLabelValues(m.Topic).Add(float64(len(m.Value)))
		p.metrics.records.Add(float64(m.Records))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue.done(len(batch))
	p.gauges()
}

// refused drops a message that the broker will never take.
func (p *Publisher) refused(m *Message, err error) {
	p.mu.Lock()
	p.lose(m, schema.LossTooLarge)
	p.queue.done(1)
	p.gauges()
	p.mu.Unlock()
	p.config.Log.Warn("Kafka refuses a message; its records become a loss range", "topic", m.Topic, "bytes", len(m.Value),
		"records", m.Records, "err", err)
}

// failed gives the messages back to the queue and waits before the next try. The transport's connections are closed, so
// that the next try learns where the partitions are now; kafka-go would look again only after its metadata's lifetime.
func (p *Publisher) failed(ctx context.Context, err error) {
	p.mu.Lock()
	p.queue.done(0)
	p.mu.Unlock()
	p.metrics.errors.Inc()
	if ctx.Err() != nil {
		return
	}
	p.config.Outage.Failing(err)
	p.config.Transport.CloseIdleConnections()
	timer := time.NewTimer(p.retry.NextBackOff())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// produce sends messages of one topic and key in one record batch and waits until every in-sync replica has it.
func (p *Publisher) produce(ctx context.Context, batch []Message) error {
	topic := batch[0].Topic
	partition, err := p.partition(ctx, topic, batch[0].Key)
	if err != nil {
		return err
	}
	now := time.Now()
	sentAt := binary.BigEndian.AppendUint64(nil, uint64(now.UnixNano()))
	records := make([]kafka.Record, len(batch))
	for i := range batch {
		records[i] = kafka.Record{Time: now, Key: kafka.NewBytes(batch[i].Key), Value: kafka.NewBytes(batch[i].Value),
			Headers: []kafka.Header{{Key: schema.HeaderSentAt, Value: sentAt}}}
	}
	response, err := p.client.Produce(ctx, &kafka.ProduceRequest{Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(records...), Compression: compression})
	if err == nil {
		err = response.Error
	}
	if err != nil {
		return fmt.Errorf("produce to %s, partition %d: %w", topic, partition, err)
	}
	return nil
}

// partition is where the Java client puts that key (murmur2). The transport answers from its cache.
func (p *Publisher) partition(ctx context.Context, topic string, key []byte) (int, error) {
	answer, err := p.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return 0, err
	}
	var partitions []int
	for _, t := range answer.Topics {
		if t.Name != topic {
			continue
		}
		if t.Error != nil {
			err = t.Error
		}
		for _, partition := range t.Partitions {
			partitions = append(partitions, partition.ID)
		}
	}
	if errors.Is(err, kafka.UnknownTopicOrPartition) || (err == nil && len(partitions) == 0) {
		return 0, fmt.Errorf("topic %s does not exist: make it with `tcpledger topics --apply`", topic)
	}
	if err != nil {
		return 0, fmt.Errorf("topic %s: %w", topic, err)
	}
	return kafka.Murmur2Balancer{}.Balance(kafka.Message{Key: key}, partitions...), nil
}

func tooLarge(err error) bool {
	return errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.RecordListTooLarge)
}
