// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"
	"fmt"
	"time"

	"tcpledger/ingester/consume"
	"tcpledger/ingester/normalize"
	"tcpledger/ingester/row"
	"tcpledger/internal/kafka/fetch"
	"tcpledger/schema"
)

// handler turns messages into rows. A message of which something cannot be a row becomes a dead letter; the rest of it is
// stored.
type handler struct {
	batches batchDecoder
	metrics *metrics
	set     row.Set
	source  row.Source
	reject  row.Reject
	symbols bool // stacks or symbols were handed on since the last flush
}

func newHandler(m *metrics) *handler {
	return &handler{batches: batchDecoder{decoder: schema.NewBatchDecoder()}, metrics: m}
}

// rows gives the rows of a message that arrives now. They are valid until the next call.
func (h *handler) rows(m *consume.Message, now time.Time) *row.Set {
	h.set.Reset()
	h.reject.Reset()
	letter := row.DeadLetter{ReceivedAt: row.Micros(now.UnixMicro()), Topic: m.Topic, Partition: int32(m.Partition), Offset: m.Offset,
		Key: m.Key, Message: m.Value}
	arrival := normalize.Arrival{ReceivedAt: now, Appended: m.Appended, ClockOff: m.ClockOff}
	if m.Unreadable != nil {
		h.unreadable(m, arrival, &letter)
	} else {
		h.read(m, arrival, &letter)
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

// read decodes and normalizes a message. It fills in what the message says about its sender.
func (h *handler) read(m *consume.Message, arrival normalize.Arrival, letter *row.DeadLetter) {
	switch m.Topic {
	case schema.TopicEvents:
		b := h.batches.decode(m.Value, &h.reject)
		letter.Host, letter.BootID, letter.Session = b.Host, b.BootID, b.Session
		if !h.reject.Any() {
			normalize.Batch(b, arrival, &h.source, &h.set, &h.reject)
		}
	case schema.TopicMeta:
		if meta := decode(m.Value, schema.DecodeMeta, &h.reject); meta != nil {
			letter.Host, letter.BootID, letter.Session = meta.Host, meta.BootID, meta.Session
			if normalize.Host(meta, arrival, &h.source, &h.set, &h.reject) {
				normalize.Stacks(meta, &h.source, &h.set)
			}
		}
	case schema.TopicSymbols:
		if piece := decode(m.Value, schema.DecodeSymbols, &h.reject); piece != nil {
			normalize.Symbols(piece, &h.set)
		}
	default:
		h.reject.Add(row.RejectTopic, "a topic that nobody asked for")
	}
}

// unreadable accounts for offsets that nobody can read. If the message is only too large, the beginning of its value says whose
// numbers they are: then they are a loss. Else their offsets stand in the dead letter.
func (h *handler) unreadable(m *consume.Message, arrival normalize.Arrival, letter *row.DeadLetter) {
	h.reject.Add(row.RejectUnreadable, fmt.Sprintf("offsets %d to %d: %v", m.Offset, m.Last, m.Unreadable))
	var large *fetch.LargeError
	if m.Topic != schema.TopicEvents || !errors.As(m.Unreadable, &large) {
		return
	}
	var header row.Reject // the header is read as far as it goes; the rows behind it are not there
	b := h.batches.decode(m.Value, &header)
	letter.Host, letter.BootID, letter.Session = b.Host, b.BootID, b.Session
	normalize.Unreadable(b, arrival, &h.source, &h.set)
}
