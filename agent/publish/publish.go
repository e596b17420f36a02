// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"tcpledger/agent/message"
	"tcpledger/agent/spool"
	"tcpledger/internal/program"
	"tcpledger/internal/text"
	"tcpledger/schema"
)

// Limits bound the messages that wait for Kafka.
type Limits struct {
	// QueueBytes is about the memory of the messages that wait.
	QueueBytes text.Size
}

// minQueueBytes holds a few full messages.
const minQueueBytes = text.Size(1 << 20)

// Bounds are the bounds of the limits in words, by flag.
func Bounds() map[string]string {
	least := minQueueBytes
	return map[string]string{"queue-bytes": fmt.Sprintf("at least %s", &least)}
}

// DefaultLimits are the limits without flags.
func DefaultLimits() Limits { return Limits{QueueBytes: 40 << 20} }

// Validate refuses a queue that is too small; the error names the flag.
func (l *Limits) Validate() error {
	if l.QueueBytes < minQueueBytes {
		return fmt.Errorf("--queue-bytes %s: %s", &l.QueueBytes, Bounds()["queue-bytes"])
	}
	return nil
}

// Config has all that a Publisher needs. The transport stays the caller's.
type Config struct {
	Limits
	Brokers   []string
	Transport *kafka.Transport
	Outage    *program.Outage
	Log       *slog.Logger
	Registry  prometheus.Registerer
	// Spool takes what memory should not hold; nil for none. It stays the caller's, who closes it after Run.
	Spool *spool.Spool
	// Journal hears what became of each message; nil: nobody does.
	Journal Journal
}

// Journal hears of messages that left the queue. It must not call the publisher.
type Journal interface {
	// Done: the message has arrived, or is in the spool.
	Done(m *message.Message)
	// Lost: it was dropped, and its numbers are to be told as losses.
	Lost(m *message.Message, cause string)
}

// Publisher is the lanes to Kafka, one for each topic. Offer and TakeLosses are safe for concurrent use with Run.
type Publisher struct {
	config  Config
	client  *kafka.Client
	metrics *metrics
	lanes   [2]*lane
	mover   *mover // nil without a spool
	ending  chan struct{}
	// spoolOutage hears of the disk.
	spoolOutage *program.Outage

	mu       sync.Mutex
	queues   queues
	losses   message.Losses
	finished bool
	overflow time.Time         // when the queue last overflowed
	tooLarge time.Time         // when a message was last too large
	dropped  map[string]uint64 // messages by topic
}

// overflowFor is how long an overflow makes the queue unhealthy. The next overflow is logged if the last one is longer ago.
const overflowFor = time.Minute

// New makes a publisher; nothing is connected before Run.
func New(config Config) *Publisher {
	p := &Publisher{
		config:  config,
		client:  &kafka.Client{Addr: kafka.TCP(config.Brokers...), Transport: config.Transport, Timeout: requestTimeout},
		metrics: newMetrics(config.Registry),
		queues:  queues{limit: int64(config.QueueBytes)},
		dropped: map[string]uint64{},
		ending:  make(chan struct{}), spoolOutage: program.NewOutage(config.Log, "spool"),
	}
	limit := int64(config.QueueBytes)
	p.lanes = [...]*lane{newLane(p, &p.queues.records, schema.TopicEvents, limit/2), newLane(p, &p.queues.meta, schema.TopicMeta, limit/8)}
	if config.Spool != nil {
		p.mover = &mover{Publisher: p, wake: make(chan struct{}, 1)}
	}
	p.metrics.queueLimit.Set(float64(config.QueueBytes))
	return p
}

// Offer queues m, whose slices are now the publisher's. It never blocks: if the queue is full, the oldest batch is dropped and
// becomes loss ranges.
func (p *Publisher) Offer(m message.Message) {
	p.mu.Lock()
	p.of(m.Topic).offered.add(len(m.Value), time.Now())
	dropped := p.queues.push(m)
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
		p.config.Log.Warn("queue to Kafka is full, dropping the oldest batches; they become loss ranges", "limit", &p.config.QueueBytes)
	}
	p.wake()
}

// Restore queues messages that an earlier run may have sent, before anything is offered. They are not dropped, because their numbers
// must not be told as lost.
func (p *Publisher) Restore(messages []message.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range messages {
		q := p.of(m.Topic).queue
		q.append(m)
		q.tried++
	}
	p.gauges()
}

func (p *Publisher) of(topic string) *lane {
	if topic == schema.TopicMeta {
		return p.lanes[1]
	}
	return p.lanes[0]
}

func (p *Publisher) wake() {
	for _, l := range p.lanes {
		poke(l.live.wake)
	}
	if p.mover != nil {
		poke(p.mover.wake)
	}
}

// TakeLosses gives at most maxRanges loss ranges of dropped messages. The caller sends them in a later message.
func (p *Publisher) TakeLosses(maxRanges int) []schema.Loss {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.losses.Take(maxRanges)
	p.gauges()
	return out
}

// Dropped counts the messages of a topic that were dropped for want of room.
func (p *Publisher) Dropped(topic string) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.dropped[topic]
	if disk := p.of(topic).disk; disk != nil {
		n += disk.Dropped()
	}
	return n
}

// SpoolErr is a health check: it fails while the disk takes nothing.
func (p *Publisher) SpoolErr() error { return p.spoolOutage.Err() }

// Err is a health check: it fails for a minute after the queue overflowed.
func (p *Publisher) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.overflow.IsZero() || time.Since(p.overflow) > overflowFor {
		return nil
	}
	return fmt.Errorf("full at %s, records are being lost (and counted)", &p.config.QueueBytes)
}

// Finish says that nothing more will be offered: Run ends when the queue is empty. It is called once.
func (p *Publisher) Finish() {
	p.mu.Lock()
	p.finished = true
	p.mu.Unlock()
	close(p.ending)
	p.wake()
}

// Run sends until Finish was called and the queue is empty, or until ctx ends. With a spool, what Kafka does not take then is on disk,
// and the next run sends it. The error says which messages and loss ranges are in neither.
func (p *Publisher) Run(ctx context.Context) error {
	beside, stop := context.WithCancel(ctx) // of what goes on beside the senders of live messages
	defer stop()
	var live, others sync.WaitGroup
	for _, l := range p.lanes {
		live.Go(func() { l.live.run(ctx) })
		if l.drain != nil {
			others.Go(func() { l.drain.run(p.untilFinished(beside)) })
		}
	}
	if p.mover != nil {
		others.Go(func() { p.mover.run(beside) })
	}
	live.Wait()
	stop()
	others.Wait()
	if p.mover != nil {
		p.mover.all()
		p.sayKept()
	}
	return p.left()
}

// untilFinished ends with ctx or when Finish is called.
func (p *Publisher) untilFinished(ctx context.Context) context.Context {
	ctx, stop := context.WithCancel(ctx)
	go func() {
		defer stop()
		select {
		case <-p.ending:
		case <-ctx.Done():
		}
	}()
	return ctx
}

// sayKept logs what the next run will send.
func (p *Publisher) sayKept() {
	bytes := int64(0)
	for _, l := range p.lanes {
		bytes += l.disk.Bytes()
	}
	if bytes > 0 {
		p.config.Log.Info("the spool keeps for the next run what Kafka has not taken", "bytes", text.Bytes(uint64(bytes)))
	}
}

// left is the error of the messages that were not delivered, nil if all were.
func (p *Publisher) left() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if p.queues.len() > 0 {
		records := 0
		for _, q := range []*queue{&p.queues.records, &p.queues.meta} {
			for i := q.head; i < len(q.messages); i++ {
				records += q.messages[i].Records
			}
		}
		err = fmt.Errorf("%d messages with %d records were not delivered to Kafka", p.queues.len(), records)
	}
	if unsent := p.losses.Lost(); unsent > 0 {
		err = errors.Join(err, fmt.Errorf("the loss of %d records could not be reported", unsent))
	}
	return err
}

// lose counts a dropped message: its numbers become loss ranges, and its loss rows are sent again. The lock is held.
func (p *Publisher) lose(m *message.Message, cause string) {
	if p.config.Journal != nil {
		p.config.Journal.Lost(m, cause)
	}
	for _, r := range m.Ranges {
		p.losses.Add(schema.Loss{At: m.At, Stream: r.Stream, SeqFrom: r.From, SeqTo: r.To, Cause: cause})
	}
	for _, l := range m.Losses {
		p.losses.Add(l)
	}
	if cause == schema.LossQueueOverflow { // a message that is too large would be so again
		p.dropped[m.Topic]++
	}
	p.metrics.dropped.WithLabelValues(m.Topic, cause).Inc()
	p.metrics.lost.WithLabelValues(cause).Add(float64(m.Numbered()))
	p.metrics.droppedCheckpoints.Add(float64(m.Checkpoints))
}

func (p *Publisher) gauges() {
	p.metrics.queueBytes.Set(float64(p.queues.bytes()))
	p.metrics.queueMessages.Set(float64(p.queues.len()))
	p.metrics.pendingLosses.Set(float64(p.losses.Len()))
}
