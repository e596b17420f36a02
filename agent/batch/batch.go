// SPDX-License-Identifier: Apache-2.0

// Package batch makes messages of records: it closes one by count, bytes or age and stamps it with the clock measured at
// that moment, so that the rows' wall time follows from the message's bytes alone.
package batch

import (
	"fmt"
	"time"

	"tcpledger/agent/clock"
	"tcpledger/agent/message"
	"tcpledger/internal/text"
	"tcpledger/schema"
)

// Limits say when a batch is closed. Age is measured in kernel time from its first record.
type Limits struct {
	Records int
	Bytes   text.Size
	Age     time.Duration
}

const (
	minBytes = text.Size(1024)
	maxBytes = text.Size(schema.BatchBytes)
	// maxAge keeps a record visible within the two seconds that the contract promises.
	maxAge = time.Second
)

// Bounds are the bounds of the limits in words, by flag.
func Bounds() map[string]string {
	least, most := minBytes, maxBytes
	return map[string]string{
		"batch-records": fmt.Sprintf("1 to %d", schema.BatchRecords),
		"batch-bytes":   fmt.Sprintf("%s to %s", &least, &most),
		"batch-age":     fmt.Sprintf("more than 0s, at most %s", maxAge),
	}
}

// DefaultLimits are the limits without flags: the wire's, and half of the age that is allowed.
func DefaultLimits() Limits {
	return Limits{Records: schema.BatchRecords, Bytes: maxBytes, Age: maxAge / 2}
}

// Validate refuses limits that the wire does not allow; the error names the flag.
func (l *Limits) Validate() error {
	switch {
	case l.Records < 1 || l.Records > schema.BatchRecords:
		return fmt.Errorf("--batch-records %d: %s", l.Records, Bounds()["batch-records"])
	case l.Bytes < minBytes || l.Bytes > maxBytes:
		return fmt.Errorf("--batch-bytes %s: %s", &l.Bytes, Bounds()["batch-bytes"])
	case l.Age <= 0 || l.Age > maxAge:
		return fmt.Errorf("--batch-age %s: %s", l.Age, Bounds()["batch-age"])
	}
	return nil
}

// Batch collects rows. It is not safe for concurrent use. After each row the caller asks Due and, if so, takes the batch.
type Batch struct {
	limits      Limits
	header      schema.Header
	rows        *schema.BatchEncoder
	losses      []schema.Loss
	checkpoints int
	began       uint64
}

// New makes an empty batch. Of the header its host, boot id, session and run are used; batches are numbered from 1.
func New(limits Limits, header schema.Header) *Batch {
	return &Batch{limits: limits, header: header, rows: schema.NewBatchEncoder()}
}

// Connection appends a row at kernel time now.
func (b *Batch) Connection(c *schema.Connection, now uint64) {
	b.begin(now)
	b.rows.AddConnection(c)
}

// Event appends a row at kernel time now.
func (b *Batch) Event(e *schema.Event, now uint64) {
	b.begin(now)
	b.rows.AddEvent(e)
}

// Loss appends a row at kernel time now.
func (b *Batch) Loss(l *schema.Loss, now uint64) {
	b.begin(now)
	b.rows.AddLoss(l)
	b.losses = append(b.losses, *l)
}

// Checkpoint appends a row at kernel time now.
func (b *Batch) Checkpoint(c *schema.Checkpoint, now uint64) {
	b.begin(now)
	b.rows.AddCheckpoint(c)
	b.checkpoints++
}

func (b *Batch) begin(now uint64) {
	if b.rows.Records() == 0 {
		b.began = now
	}
}

// Due reports whether the batch must be closed at kernel time now.
func (b *Batch) Due(now uint64) bool {
	n := b.rows.Records()
	return n >= b.limits.Records || b.rows.Size() >= int(b.limits.Bytes) || (n > 0 && now >= b.began+uint64(b.limits.Age))
}

// Records counts the rows so far.
func (b *Batch) Records() int { return b.rows.Records() }

// Take closes the batch with the clock as it is now and begins the next one. ok is false if there are no rows.
func (b *Batch) Take() (m message.Message, ok bool, err error) {
	if b.rows.Records() == 0 {
		return message.Message{}, false, nil
	}
	if b.header.Clock, err = clock.Measure(); err != nil {
		return message.Message{}, false, err
	}
	b.header.Number++
	m = message.Message{Topic: schema.TopicEvents, Key: []byte(b.header.Host), Records: b.rows.Records(), Losses: b.losses,
		Checkpoints: b.checkpoints, At: b.began}
	m.Value, m.Ranges, err = b.rows.Finish(&b.header)
	b.losses, b.checkpoints = nil, 0
	if err != nil {
		return message.Message{}, false, fmt.Errorf("encode batch %d: %w", b.header.Number, err)
	}
	return m, true, nil
}
