// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"time"

	"tcpledger/agent/message"
)

const (
	// moveAfter is how long Kafka has been away before all that waits goes on disk.
	moveAfter = time.Second
	// moveEvery is how often the mover looks by itself.
	moveEvery = 250 * time.Millisecond
	// moveAgain is the pause after the disk took nothing.
	moveAgain = time.Second
	// syncEvery is how much a power cut may cost: what was written is synced so often.
	syncEvery = time.Second
)

// mover brings messages from memory to disk: while Kafka is away, and beyond the lane's share of memory. It is one goroutine, so that
// the pipeline never waits for a disk.
type mover struct {
	*Publisher
	wake   chan struct{}
	synced time.Time
	after  time.Time // nothing is moved before
}

// run moves until ctx ends.
func (m *mover) run(ctx context.Context) {
	tick := time.NewTicker(moveEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		for _, l := range m.lanes {
			for m.moveOne(l, l.due) {
				m.sync()
			}
		}
		m.sync()
		select {
		case <-m.wake:
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// due reports whether messages of the lane must go on disk now. The lock is held.
func (l *lane) due() bool {
	away := l.failing && (l.finished || time.Since(l.since) >= moveAfter)
	return away || l.queue.bytes > l.share
}

// moveOne moves the oldest message of a lane that can be moved. It is false if there is none, none is due, or the disk takes none.
func (m *mover) moveOne(l *lane, due func() bool) bool {
	if time.Now().Before(m.after) {
		return false
	}
	one, tried, ok := m.take(l, due)
	if !ok {
		return false
	}
	err := l.disk.Put(&one, tried)
	if err == nil {
		l.safe(&one)
	}
	m.mu.Lock()
	l.queue.placed(one, tried, err != nil)
	m.gauges()
	m.mu.Unlock()
	l.wakeUp()
	if err != nil {
		m.after = time.Now().Add(moveAgain)
		m.spoolOutage.Failing(err)
		return false
	}
	m.spoolOutage.Recovered()
	return true
}

func (m *mover) take(l *lane, due func() bool) (one message.Message, tried, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !due() {
		return one, false, false
	}
	return l.queue.take()
}

func (m *mover) sync() {
	if time.Since(m.synced) < syncEvery {
		return
	}
	if err := m.config.Spool.Sync(); err != nil {
		m.spoolOutage.Failing(err)
	}
	m.synced = time.Now()
}

// all moves everything that is left when nothing is sent any more.
func (m *mover) all() {
	m.after = time.Time{}
	for _, l := range m.lanes {
		for m.moveOne(l, func() bool { return true }) {
		}
	}
	m.synced = time.Time{}
	m.sync()
}
