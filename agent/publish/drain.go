// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"errors"
	"time"

	"tcpledger/agent/message"
	"tcpledger/internal/retry"
	"tcpledger/schema"
)

const (
	// drainShare is how many times the rate of live messages the disk is emptied at: an hour's backlog is sent in eight minutes, and a
	// fleet that comes back from an outage sends nine times what it always does, not all that it can.
	drainShare = 8
	// drainLeast is the rate, in bytes a second, of a host on which little happens.
	drainLeast = float64(1 << 20)
	// drainDebt is how much of a slow request's time the next ones make up for.
	drainDebt = time.Second
	// yieldBytes are the live bytes in memory beyond which the disk waits: live messages go first.
	yieldBytes = 2 * requestBytes
	// yieldFor is how long it waits before it looks again.
	yieldFor = 20 * time.Millisecond
)

// drainer brings the messages on one lane's disk to Kafka, oldest first, beside the live ones. It is for one goroutine.
type drainer struct {
	*lane
	wake chan struct{}
	next time.Time // no request before
}

// run sends until ctx ends.
func (d *drainer) run(ctx context.Context) {
	maxBytes := d.maxRequest()
	for ctx.Err() == nil {
		if d.disk.Bytes() == 0 {
			select {
			case <-d.wake:
			case <-ctx.Done():
			}
			continue
		}
		if !d.turn(ctx) {
			continue
		}
		_ = retry.Until(ctx, retryPolicy, nil, func(ctx context.Context) error { return d.send(ctx, maxBytes) }) // only ctx ends it
	}
}

// turn reports whether it is the disk's turn, after a pause if it is not.
func (d *drainer) turn(ctx context.Context) bool {
	d.mu.Lock()
	busy := !d.failing && d.queue.bytes > yieldBytes
	d.mu.Unlock()
	wait := time.Until(d.next)
	if busy {
		wait = max(wait, yieldFor)
	}
	if wait <= 0 {
		return true
	}
	pause := time.NewTimer(wait)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
	return false
}

// pace puts the next request off, so that the rate is kept.
func (d *drainer) pace(bytes int, began time.Time) {
	d.mu.Lock()
	rate := max(drainLeast, drainShare*d.offered.perSecond(began))
	d.mu.Unlock()
	if earliest := began.Add(-drainDebt); d.next.Before(earliest) {
		d.next = earliest
	}
	d.next = d.next.Add(time.Duration(float64(bytes) / rate * float64(time.Second)))
}

// send sends the oldest messages in one request of at most maxBytes, or one message.
func (d *drainer) send(ctx context.Context, maxBytes int) error {
	batch, err := d.disk.Peek(maxBytes)
	if err != nil {
		d.spoolOutage.Failing(err)
		return err
	}
	if len(batch) == 0 {
		return nil
	}
	began := time.Now()
	err = d.produce(ctx, batch, d.trying)
	switch {
	case err == nil:
		d.metrics.produceSeconds.Observe(time.Since(began).Seconds())
		d.delivered(batch, began)
		return nil
	case errors.Is(err, errGone):
		return nil
	case tooLarge(err) && len(batch) > 1:
		return d.sendSingly(ctx, len(batch))
	case tooLarge(err):
		return d.refused(&batch[0], err)
	}
	d.failed(ctx, err)
	return err
}

// sendSingly sends the first n messages one by one: together they were too large.
func (d *drainer) sendSingly(ctx context.Context, n int) error {
	for range n {
		if err := d.send(ctx, 0); err != nil {
			return err
		}
	}
	return nil
}

func (d *drainer) trying() bool {
	ok, err := d.disk.Trying()
	if err != nil {
		d.spoolOutage.Failing(err)
	}
	return ok
}

func (d *drainer) delivered(batch []message.Message, began time.Time) {
	d.count(batch)
	bytes := 0
	for i := range batch {
		bytes += len(batch[i].Value)
	}
	d.pace(bytes, began)
	if err := d.disk.Done(len(batch)); err != nil {
		d.spoolOutage.Failing(err)
	}
	d.mu.Lock()
	d.answered()
	d.mu.Unlock()
}

func (d *drainer) refused(m *message.Message, why error) error {
	d.mu.Lock()
	d.answered()
	d.mu.Unlock()
	d.sayTooLarge(m, why)
	return d.disk.Refused(schema.LossTooLarge)
}
