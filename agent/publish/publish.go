// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"tcpledger/internal/program"
	"tcpledger/schema"
)

// Config is what a Publisher needs; all fields are required. The transport stays the caller's.
type Config struct {
	Brokers    []string
	Transport  *kafka.Transport
	QueueBytes int64
	Outage     *program.Outage
	Log        *slog.Logger
	Registry   prometheus.Registerer
}

// Publisher is the queue to Kafka and its one sender. Offer and TakeLosses are safe for concurrent use with Run.
type Publisher struct {
	config  Config
	client  *kafka.Client
	metrics *metrics
	retry   *backoff.ExponentialBackOff
	wake    chan struct{}

	mu       sync.Mutex
	queue    queue
	losses   losses
	finished bool
	overflow time.Time         // when the queue last overflowed
	dropped  map[string]uint64 // messages by topic
}

const (
	retryFirst  = 100 * time.Millisecond
	retryLast   = 3 * time.Second
	overflowFor = time.Minute
)

// New makes a publisher; nothing is connected before Run.
func New(config Config) *Publisher {
	p := &Publisher{
		config:  config,
		client:  &kafka.Client{Addr: kafka.TCP(config.Brokers...), Transport: config.Transport, Timeout: requestTimeout},
		metrics: newMetrics(config.Registry),
		retry:   backoff.NewExponentialBackOff(),
		wake:    make(chan struct{}, 1),
		queue:   queue{limit: config.QueueBytes},
		dropped: map[string]uint64{},
	}
	p.retry.InitialInterval, p.retry.MaxInterval = retryFirst, retryLast
	p.metrics.queueLimit.Set(float64(config.QueueBytes))
	return p
}

// Offer queues m, whose slices are now the publisher's. It never blocks: where the queue is full the oldest batch is
// dropped and becomes loss ranges.
func (p *Publisher) Offer(m Message) {
	p.mu.Lock()
	dropped := p.queue.push(m)
	for i := range dropped {
		p.lose(&dropped[i], schema.LossQueueOverflow)
	}
	first := len(dropped) > 0 && time.Since(p.overflow) > overflowFor
	if len(dropped) > 0 {
		p.overflow = time.Now()
	}
	p.gauges()
	p.mu.Unlock()
	if first {
		p.config.Log.Warn("queue to Kafka is full, dropping the oldest batches; they become loss ranges", "limit", p.config.QueueBytes)
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// TakeLosses gives at most most of the loss ranges of dropped messages. They are the caller's to send in a later message.
func (p *Publisher) TakeLosses(most int) []schema.Loss {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.losses.take(most)
	p.gauges()
	return out
}

// Dropped counts the messages of a topic that were dropped.
func (p *Publisher) Dropped(topic string) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropped[topic]
}

// Err is a health check: it fails for a minute after the queue overflowed.
func (p *Publisher) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.overflow.IsZero() || time.Since(p.overflow) > overflowFor {
		return nil
	}
	return fmt.Errorf("full at %d bytes, records are being lost (and counted)", p.config.QueueBytes)
}

// Finish says that nothing more is offered: Run ends when the queue is empty.
func (p *Publisher) Finish() {
	p.mu.Lock()
	p.finished = true
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run sends until Finish was called and the queue is empty, or until ctx ends. Then its error says what was left.
func (p *Publisher) Run(ctx context.Context) error {
	for {
		batch, end := p.next()
		if batch != nil {
			p.deliver(ctx, batch)
		}
		if end {
			return nil
		}
		if ctx.Err() != nil {
			return p.left()
		}
		if batch == nil {
			select {
			case <-p.wake:
			case <-ctx.Done():
			}
		}
	}
}

// next gives what to send now, and whether all is done.
func (p *Publisher) next() (batch []Message, end bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	batch = p.queue.front(requestBytes)
	return batch, batch == nil && p.finished
}

// left is the error of what could not be delivered, nil for nothing.
func (p *Publisher) left() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	records := 0
	for i := p.queue.head; i < len(p.queue.messages); i++ {
		records += p.queue.messages[i].Records
	}
	if p.queue.len() == 0 {
		return nil
	}
	return fmt.Errorf("%d messages with %d records were not delivered to Kafka", p.queue.len(), records)
}

// lose counts a dropped message: its numbers become loss ranges, its loss rows are told again. The lock is held.
func (p *Publisher) lose(m *Message, cause string) {
	for _, r := range m.Ranges {
		p.losses.add(schema.Loss{At: m.At, Stream: r.Stream, SeqFrom: r.From, SeqTo: r.To, Cause: cause})
	}
	for _, l := range m.Losses {
		p.losses.add(l)
	}
	p.dropped[m.Topic]++
	p.metrics.dropped.WithLabelValues(m.Topic, cause).Inc()
	p.metrics.lost.WithLabelValues(cause).Add(float64(m.numbered()))
	p.metrics.droppedCheckpoints.Add(float64(m.Checkpoints))
}

func (p *Publisher) gauges() {
	p.metrics.queueBytes.Set(float64(p.queue.bytes))
	p.metrics.queueMessages.Set(float64(p.queue.len()))
	p.metrics.pendingLosses.Set(float64(len(p.losses.ranges)))
}
