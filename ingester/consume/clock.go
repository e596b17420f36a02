// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"context"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// clockLimit is how far a sender's clock may be off.
	clockLimit = time.Hour
	// clockGrid rounds the moments that the broker is asked about, so that a day of backlog costs a few questions.
	clockGrid = 15 * time.Minute
	clockKept = 64
)

// clockCheck tells whether a sender's clock is far off. The reference is the time at which the broker appended the
// message. The client library does not hand that time out, so the broker is asked which offset a moment begins at, and only
// about messages that do not look as if they had been sent just now. Where a topic has the sender's own time
// (message.timestamp.type=CreateTime) nothing is ever far off.
type clockCheck struct {
	begins map[int64]int64 // first offset that was appended at or after a moment (Unix seconds); past: nothing was yet
}

// off reports whether m was appended more than clockLimit (and a grid step) before or after the time that its sender saw.
// Where the broker does not answer it is not said to be.
func (k *clockCheck) off(ctx context.Context, p *partition, m *Message) bool {
	if m.SentAt == 0 {
		return false
	}
	sent := time.Unix(0, m.SentAt)
	if since := time.Since(sent); since > -clockLimit && since < clockLimit {
		return false
	}
	after, ok := k.firstAt(ctx, p, sent.Add(clockLimit+clockGrid))
	if ok && after >= 0 && m.Offset >= after {
		return true // appended long after it says
	}
	before, ok := k.firstAt(ctx, p, sent.Add(-clockLimit))
	return ok && (before < 0 || m.Offset < before) // appended long before it says
}

// firstAt gives the first offset that was appended at or after a moment, rounded down to the grid; -1 where there is none.
func (k *clockCheck) firstAt(ctx context.Context, p *partition, at time.Time) (int64, bool) {
	at = at.Truncate(clockGrid)
	if at.Unix() < 0 {
		return 0, true
	}
	if offset, ok := k.begins[at.Unix()]; ok {
		return offset, true
	}
	offset, err := p.offset(ctx, kafka.TimeOffsetOf(p.id, at))
	if err != nil {
		return 0, false
	}
	if offset < 0 {
		return offset, true // not kept: messages come
	}
	if k.begins == nil || len(k.begins) >= clockKept {
		k.begins = map[int64]int64{}
	}
	k.begins[at.Unix()] = offset
	return offset, true
}
