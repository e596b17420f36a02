// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"time"

	"tcpledger/agent/message"
	"tcpledger/agent/spool"
)

// lane is the way of one topic's messages: a queue in memory with its sender, and, with a spool, a queue on disk with a drainer. What
// is not in the config is under the publisher's lock.
type lane struct {
	*Publisher
	queue *queue
	disk  *spool.Queue // nil: none
	live  *sender
	drain *drainer
	// share is how many bytes of memory the queue may take before it goes on disk.
	share   int64
	failing bool
	since   time.Time // of the first failure
	offered meter
}

func newLane(p *Publisher, q *queue, topic string, share int64) *lane {
	l := &lane{Publisher: p, queue: q, share: share}
	l.live = &sender{lane: l, wake: make(chan struct{}, 1)}
	if p.config.Spool != nil {
		l.disk = p.config.Spool.Of(topic)
		l.drain = &drainer{lane: l, wake: make(chan struct{}, 1)}
	}
	return l
}

// wakeUp makes the lane's goroutines look again.
func (l *lane) wakeUp() {
	poke(l.live.wake)
	if l.drain != nil {
		poke(l.drain.wake)
	}
}

func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

func (l *lane) maxRequest() int { return min(requestBytes, int(l.config.QueueBytes/4)) }

// count counts messages that every in-sync replica has.
func (l *lane) count(batch []message.Message) {
	for i := range batch {
		m := &batch[i]
		l.metrics.messages.WithLabelValues(m.Topic).Inc()
		l.metrics.bytes.WithLabelValues(m.Topic).Add(float64(len(m.Value)))
		l.metrics.records.Add(float64(m.Records))
		l.safe(m)
	}
}

// safe tells the journal that the next run need not send m.
func (l *lane) safe(m *message.Message) {
	if l.config.Journal != nil {
		l.config.Journal.Done(m)
	}
}

// answered notes that the broker took a message, or never will. The outage is over when that holds for all lanes. The lock is held.
func (l *lane) answered() {
	l.failing = false
	for _, other := range l.lanes {
		if other.failing {
			return
		}
	}
	l.config.Outage.Recovered()
}

// failed notes that a try failed. An end of ctx is no failure of Kafka.
func (l *lane) failed(ctx context.Context, err error) {
	l.metrics.errors.Inc()
	if ctx.Err() != nil {
		return
	}
	l.mu.Lock()
	if !l.failing {
		l.failing, l.since = true, time.Now()
	}
	l.config.Outage.Failing(err)
	l.mu.Unlock()
	if moved(err) {
		l.config.Transport.CloseIdleConnections()
	}
}

// sayTooLarge logs a message that the broker will never take, if there was none for a while.
func (l *lane) sayTooLarge(m *message.Message, err error) {
	l.mu.Lock()
	first := time.Since(l.tooLarge) > overflowFor
	l.tooLarge = time.Now()
	l.mu.Unlock()
	if first {
		l.config.Log.Warn("Kafka refuses messages of this size; their records become loss ranges", "topic", m.Topic, "bytes", len(m.Value),
			"records", m.Records, "err", err)
	}
}
