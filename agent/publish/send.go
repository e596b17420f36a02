// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/segmentio/kafka-go"

	"tcpledger/agent/message"
	"tcpledger/schema"
)

const (
	// requestBytes bounds a produce request before compression, under the brokers' default limit of 1 MiB a record batch.
	requestBytes   = 900 << 10
	requestTimeout = 10 * time.Second
	// compression: zstd saves a fifth of the bytes for six times the CPU of the host that is watched (BenchmarkCompression).
	compression = kafka.Lz4
)

const (
	retryFirst = 100 * time.Millisecond
	retryLast  = 3 * time.Second
)

// sender brings one queue to Kafka, in order. It is for one goroutine; failing and the queue are under the publisher's lock.
type sender struct {
	*Publisher
	queue   *queue
	retry   *backoff.ExponentialBackOff
	wake    chan struct{}
	failing bool
}

func newSender(p *Publisher, q *queue) *sender {
	s := &sender{Publisher: p, queue: q, retry: backoff.NewExponentialBackOff(), wake: make(chan struct{}, 1)}
	s.retry.InitialInterval, s.retry.MaxInterval = retryFirst, retryLast
	return s
}

// run sends until Finish was called and the queue is empty, or until ctx ends.
func (s *sender) run(ctx context.Context) {
	for ctx.Err() == nil {
		batch, end := s.next(min(requestBytes, int(s.config.QueueBytes/4)))
		switch {
		case batch != nil:
			s.deliver(ctx, batch)
		case end:
			return
		default:
			select {
			case <-s.wake:
			case <-ctx.Done():
			}
		}
	}
}

// next gives what to send now, at least one message and together at most most bytes, and whether all is done.
func (s *sender) next(most int) (batch []message.Message, end bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch = s.queue.front(most)
	return batch, batch == nil && s.finished
}

// deliver sends one request's messages and reports whether they left the queue: they are with the broker, or refused for
// ever. Otherwise this try failed, and it has waited.
func (s *sender) deliver(ctx context.Context, batch []message.Message) bool {
	began := time.Now()
	err := s.produce(ctx, batch)
	switch {
	case err == nil:
		s.metrics.produceSeconds.Observe(time.Since(began).Seconds())
		s.delivered(batch)
		return true
	case tooLarge(err) && len(batch) > 1:
		return s.deliverSingly(ctx, len(batch))
	case tooLarge(err):
		s.refused(&batch[0], err)
		return true
	}
	s.failed(ctx, err)
	return false
}

// deliverSingly sends the first n messages one by one, which were too large together.
func (s *sender) deliverSingly(ctx context.Context, n int) bool {
	for range n {
		first, _ := s.next(0)
		if len(first) == 0 || !s.deliver(ctx, first) {
			return false
		}
	}
	return true
}

func (s *sender) delivered(batch []message.Message) {
	for i := range batch {
		m := &batch[i]
		s.metrics.messages.WithLabelValues(m.Topic).Inc()
		s.metrics.bytes.WithLabelValues(m.Topic).Add(float64(len(m.Value)))
		s.metrics.records.Add(float64(m.Records))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.done(len(batch))
	s.gauges()
	s.answered()
}

// answered notes that the broker took a message, or will never. The outage is over when that holds for both queues. The lock
// is held.
func (s *sender) answered() {
	s.retry.Reset()
	s.failing = false
	if !slices.ContainsFunc(s.senders[:], func(other *sender) bool { return other.failing }) {
		s.config.Outage.Recovered()
	}
}

// refused drops a message that the broker will never take, and says so when there was none for a while.
func (s *sender) refused(m *message.Message, err error) {
	s.mu.Lock()
	s.lose(m, schema.LossTooLarge)
	s.queue.done(1)
	s.gauges()
	s.answered()
	first := time.Since(s.tooLarge) > overflowFor
	s.tooLarge = time.Now()
	s.mu.Unlock()
	if first {
		s.config.Log.Warn("Kafka refuses messages of this size; their records become loss ranges", "topic", m.Topic, "bytes", len(m.Value),
			"records", m.Records, "err", err)
	}
}

// failed gives the messages back to the queue and waits before the next try.
func (s *sender) failed(ctx context.Context, err error) {
	s.metrics.errors.Inc()
	s.mu.Lock()
	s.queue.back(mayHaveArrived(err))
	if ctx.Err() == nil {
		s.failing = true
		s.config.Outage.Failing(err)
	}
	s.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if moved(err) {
		s.config.Transport.CloseIdleConnections()
	}
	timer := time.NewTimer(s.retry.NextBackOff())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// produce sends messages of one topic and key in one record batch and waits until every in-sync replica has it.
func (s *sender) produce(ctx context.Context, batch []message.Message) error {
	topic := batch[0].Topic
	partition, err := s.partition(ctx, topic, batch[0].Key)
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
	response, err := s.client.Produce(ctx, &kafka.ProduceRequest{Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(records...), Compression: compression})
	if err == nil {
		err = response.Error
	}
	if err != nil {
		return &produceError{topic: topic, partition: partition, err: err}
	}
	return nil
}

// produceError is what became of a request that was sent.
type produceError struct {
	topic     string
	partition int
	err       error
}

func (e *produceError) Error() string {
	return fmt.Sprintf("produce to %s, partition %d: %v", e.topic, e.partition, e.err)
}

func (e *produceError) Unwrap() error { return e.err }

// mayHaveArrived reports whether the leader may hold the messages of a request that failed: it says so, or its answer did
// not come.
func mayHaveArrived(err error) bool {
	if !errors.As(err, new(*produceError)) {
		return false
	}
	var answer kafka.Error
	if !errors.As(err, &answer) {
		return true
	}
	return answer == kafka.RequestTimedOut || answer == kafka.NotEnoughReplicasAfterAppend || answer == kafka.Unknown
}

// moved reports whether the partition may be elsewhere by now. Without connections the next try learns where; kafka-go would
// look again only after its metadata's lifetime. A leader that answers and refuses keeps them: a fleet asks it again and again.
func moved(err error) bool {
	var answer kafka.Error
	if !errors.As(err, &answer) {
		return true
	}
	switch answer {
	case kafka.NotLeaderForPartition, kafka.LeaderNotAvailable, kafka.ReplicaNotAvailable, kafka.BrokerNotAvailable,
		kafka.UnknownTopicOrPartition, kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch, kafka.KafkaStorageError, kafka.NetworkException:
		return true
	}
	return false
}

// partition is where the Java client puts that key (murmur2). The transport answers from its cache.
func (s *sender) partition(ctx context.Context, topic string, key []byte) (int, error) {
	answer, err := s.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, fmt.Errorf("%w: Kafka closed the connection; do --kafka-tls, --kafka-sasl and the password fit it?", err)
	}
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
