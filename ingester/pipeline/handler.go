// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"time"

	"tcpledger/ingester/consume"
	"tcpledger/ingester/decode"
	"tcpledger/ingester/normalize"
	"tcpledger/ingester/row"
	"tcpledger/ingester/symbolize"
	"tcpledger/schema"
)

// handler turns messages into rows. What cannot be a row makes the message a dead letter; the rest of it is stored.
type handler struct {
	decoder    *decode.Decoder
	symbolizer *symbolize.Symbolizer
	metrics    *metrics
	set        row.Set
	source     row.Source
	fault      row.Fault
	published  bool // a piece of a symbol table was taken since the last flush
}

func newHandler(s *symbolize.Symbolizer, m *metrics) *handler {
	return &handler{decoder: decode.New(), symbolizer: s, metrics: m}
}

// rows gives the rows of a message; they are valid until the next call.
func (h *handler) rows(ctx context.Context, m *consume.Message, now time.Time) *row.Set {
	h.set.Reset()
	h.fault.Reset()
	arrival := normalize.Arrival{ReceivedAt: now, ClockOff: m.ClockOff}
	letter := row.DeadLetter{ReceivedAt: row.Micros(now.UnixMicro()), Topic: m.Topic, Partition: int32(m.Partition), Offset: m.Offset,
		Key: m.Key, Message: m.Value}
	switch m.Topic {
	case schema.TopicEvents:
		b := h.decoder.Events(m.Value, &h.fault)
		letter.Host, letter.BootID, letter.Session = b.Host, b.BootID, b.Session
		if !h.fault.Any() {
			normalize.Batch(b, arrival, &h.source, &h.set, &h.fault)
		}
	case schema.TopicMeta:
		if meta := h.decoder.Meta(m.Value, &h.fault); meta != nil {
			letter.Host, letter.BootID, letter.Session = meta.Host, meta.BootID, meta.Session
			if normalize.Host(meta, arrival, &h.source, &h.set, &h.fault) {
				h.symbolizer.Stacks(ctx, meta, now, &h.set)
			}
		}
	case schema.TopicSymbols:
		if piece := h.decoder.Symbols(m.Value, &h.fault); piece != nil {
			normalize.Symbols(piece, &h.set)
			h.published = true
		}
	default:
		h.fault.Add(row.FaultTopic, "a topic that nobody asked for")
	}
	h.metrics.messages.WithLabelValues(m.Topic).Inc()
	if h.fault.Any() {
		letter.Reason, letter.Ranges = h.fault.String(), h.fault.Ranges
		h.set.DeadLetters = append(h.set.DeadLetters, letter)
		for _, kind := range h.fault.Kinds() {
			h.metrics.deadLetters.WithLabelValues(string(kind)).Inc()
		}
	}
	return &h.set
}
