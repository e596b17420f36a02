// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"

	"tcpledger/agent/message"
	"tcpledger/internal/retry"
	"tcpledger/schema"
)

const (
	// requestBytes bounds a produce request before compression, under the brokers' default limit of 1 MiB a record batch.
	requestBytes   = 900 << 10
	requestTimeout = 10 * time.Second
	// compression: zstd saves a fifth of the bytes for six times the CPU of the host that is watched (BenchmarkCompression).
	compression = kafka.Lz4
)

// retryPolicy is how long a queue waits between two tries.
var retryPolicy = retry.Policy{First: 100 * time.Millisecond, Max: 3 * time.Second}

// sender brings the messages in one lane's memory to Kafka, in order. It is for one goroutine.
type sender struct {
	*lane
	wake chan struct{}
}

// run sends until Finish was called and the queue is empty, or until ctx ends.
func (s *sender) run(ctx context.Context) {
	maxBytes := s.maxRequest()
	for ctx.Err() == nil {
		waiting, finished := s.waiting()
		switch {
		case waiting: // the sender itself reports the outage: it is over when both queues are sent
			_ = retry.Until(ctx, retryPolicy, nil, func(ctx context.Context) error { return s.send(ctx, maxBytes) }) // only ctx ends it
		case finished:
			return
		default:
			select {
			case <-s.wake:
			case <-ctx.Done():
			}
		}
	}
}

// waiting reports whether the queue has messages to send, and whether no more will come.
func (s *sender) waiting() (waiting, finished bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue.moving {
		return false, false
	}
	return s.queue.len() > 0, s.finished
}

// send sends the first messages of the queue in one request of at most maxBytes, or one message. They leave the queue if the
// broker took them or never will; else the error says why they are still there.
func (s *sender) send(ctx context.Context, maxBytes int) error {
	s.mu.Lock()
	batch := s.queue.front(maxBytes)
	s.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	began := time.Now()
	err := s.produce(ctx, batch, func() bool { return true })
	switch {
	case err == nil:
		s.metrics.produceSeconds.Observe(time.Since(began).Seconds())
		s.delivered(batch)
		return nil
	case tooLarge(err) && len(batch) > 1:
		return s.sendSingly(ctx, len(batch))
	case tooLarge(err):
		s.refused(&batch[0], err)
		return nil
	}
	s.failed(ctx, err)
	return err
}

// sendSingly sends the first n messages one by one: together they were too large.
func (s *sender) sendSingly(ctx context.Context, n int) error {
	for range n {
		if err := s.send(ctx, 0); err != nil {
			return err
		}
	}
	return nil
}

func (s *sender) delivered(batch []message.Message) {
	s.count(batch)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.done(len(batch))
	s.gauges()
	s.answered()
}

// refused drops a message that the broker will never take. It logs one if there was none for a while.
func (s *sender) refused(m *message.Message, err error) {
	s.mu.Lock()
	s.lose(m, schema.LossTooLarge)
	s.queue.done(1)
	s.gauges()
	s.answered()
	s.mu.Unlock()
	s.sayTooLarge(m, err)
}

// failed ends a try: the messages stay in the queue.
func (s *sender) failed(ctx context.Context, err error) {
	s.mu.Lock()
	s.queue.back(mayHaveArrived(err))
	s.mu.Unlock()
	s.lane.failed(ctx, err)
}

// errGone says that the messages were not sent, because trying said no.
var errGone = errors.New("not sent")

// produce sends messages of one topic and key in one record batch and waits until every in-sync replica has it. It asks trying just
// before it sends: from then on they may have arrived.
func (p *Publisher) produce(ctx context.Context, batch []message.Message, trying func() bool) error {
	topic := batch[0].Topic
	partition, err := p.partition(ctx, topic, batch[0].Key)
	if err != nil {
		return err
	}
	if !trying() {
		return errGone
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
		return &produceError{topic: topic, partition: partition, err: err}
	}
	return nil
}

// produceError is the failure of a request that was sent.
type produceError struct {
	topic     string
	partition int
	err       error
}

// Error says which topic, and what the broker or the connection said.
func (e *produceError) Error() string {
	text := fmt.Sprintf("produce to %s, partition %d: %v", e.topic, e.partition, e.err)
	switch {
	case errors.Is(e.err, kafka.InvalidTimestamp):
		text += "; this host's clock is off, and the topic has the senders' times: set message.timestamp.type=LogAppendTime (`tcpledger topics --apply` does)"
	case errors.Is(e.err, kafka.NotEnoughReplicas), errors.Is(e.err, kafka.NotEnoughReplicasAfterAppend):
		text += "; fewer brokers have the partition than the topic's min.insync.replicas asks for"
	}
	return text
}

// Unwrap is the cause.
func (e *produceError) Unwrap() error { return e.err }

// mayHaveArrived reports whether the leader may have stored the messages of a request that failed: its answer says so, or did
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

// moved reports whether the partition may have another leader by now. The sender closes its connections then, and the next try
// asks who leads; kafka-go would ask again only after its metadata's lifetime. If the leader answers and refuses, the
// connections stay: a fleet tries again and again.
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

// partition gives the partition that the Java client chooses for a key (murmur2). The transport answers from its cache.
func (p *Publisher) partition(ctx context.Context, topic string, key []byte) (int, error) {
	answer, err := p.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
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
