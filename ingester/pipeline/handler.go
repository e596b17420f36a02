// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"
	"fmt"
	"time"

	"tcpledger/ingester/consume"
	"tcpledger/ingester/normalize"
	"tcpledger/ingester/row"
	"tcpledger/internal/judge"
	"tcpledger/internal/kafka/fetch"
	"tcpledger/schema"
)

// handler turns messages into rows. A message of which something cannot be a row becomes a dead letter; the rest of it is
// stored.
type handler struct {
	judge   *judge.Judge
	metrics *metrics
	set     row.Set
	source  row.Source
	reject  judge.Reject
	symbols bool // stacks or symbols were handed on since the last flush
}

func newHandler(m *metrics) *handler { return &handler{judge: judge.New(), metrics: m} }

// rows gives the rows of a message that arrives now. They are valid until the next call.
func (h *handler) rows(m *consume.Message, now time.Time) *row.Set {
	h.set.Reset()
	h.reject.Reset()
	letter := row.DeadLetter{ReceivedAt: row.Micros(now.UnixMicro()), Topic: m.Topic, Partition: int32(m.Partition), Offset: m.Offset,
		Key: m.Key, Message: m.Value}
	arrival := normalize.Arrival{ReceivedAt: now, Appended: m.Appended, ClockOff: m.ClockOff}
	if m.Appended.IsZero() {
		arrival.Appended = now
	}
	claim := judge.Message{Topic: m.Topic, Key: m.Key, Value: m.Value, Time: arrival.Appended}
	if m.Unreadable != nil {
		h.unreadable(m, &claim, arrival, &letter)
	} else {
		h.read(&claim, arrival, &letter)
	}
	h.metrics.messages.WithLabelValues(m.Topic).Inc()
	if len(h.set.Stacks)+len(h.set.Symbols) > 0 {
		h.symbols = true
	}
	if h.reject.Any() {
		letter.Reason, letter.Ranges = h.reject.String(), h.reject.Ranges
		h.set.DeadLetters = append(h.set.DeadLetters, letter)
		for _, kind := range h.reject.Kinds() {
			h.metrics.deadLetters.WithLabelValues(string(kind)).Inc()
		}
	}
	return &h.set
}

// read judges and normalizes a message. It fills in what the message says about its sender.
func (h *handler) read(m *judge.Message, arrival normalize.Arrival, letter *row.DeadLetter) {
	switch m.Topic {
	case schema.TopicEvents:
		b := h.judge.Events(m, &h.reject)
		letter.Host, letter.BootID, letter.Session = b.Host, b.BootID, b.Session
		normalize.Batch(b, arrival, &h.source, &h.set)
	case schema.TopicMeta:
		if meta := h.judge.Meta(m, &h.reject); meta != nil {
			letter.Host, letter.BootID, letter.Session = meta.Host, meta.BootID, meta.Session
			normalize.Host(meta, arrival, &h.source, &h.set)
			normalize.Stacks(meta, &h.source, &h.set)
		}
	case schema.TopicSymbols:
		if piece := h.judge.Symbols(m, &h.reject); piece != nil {
			normalize.Symbols(piece, arrival, &h.set)
		}
	default:
		h.reject.Add(judge.Topic, "a topic that is not read")
	}
}

// unreadable accounts for offsets that nobody can read. If the message is only too large, the beginning of its value says whose
// numbers they are: then they are a loss. Else their offsets stand in the dead letter.
func (h *handler) unreadable(m *consume.Message, claim *judge.Message, arrival normalize.Arrival, letter *row.DeadLetter) {
	h.reject.Add(judge.Unreadable, fmt.Sprintf("offsets %d to %d: %v", m.Offset, m.Last, m.Unreadable))
	var large *fetch.LargeError
	if m.Topic != schema.TopicEvents || !errors.As(m.Unreadable, &large) {
		return
	}
	b := h.judge.Header(claim)
	letter.Host, letter.BootID, letter.Session = b.Host, b.BootID, b.Session
	normalize.Unreadable(b, arrival, &h.source, &h.set)
}
