// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"github.com/prometheus/client_golang/prometheus"

	"tcpledger/schema"
)

type metrics struct {
	bytes, segments, oldest, aside                             *prometheus.GaugeVec
	written, writtenBytes, sent, dropped, lost, records, space *prometheus.CounterVec
	limit                                                      prometheus.Gauge
	damagedBytes                                               prometheus.Counter
	unknownRecords                                             prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tcpledger_agent_spool_" + name, Help: help}, labels)
		registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tcpledger_agent_spool_" + name, Help: help}, labels)
		registry.MustRegister(g)
		return g
	}
	m := &metrics{
		bytes:          gauge("bytes", "Bytes on disk that wait for Kafka.", "topic"),
		segments:       gauge("segments", "Files that hold them.", "topic"),
		oldest:         gauge("oldest_timestamp_seconds", "When the oldest of these files was begun; 0 if there is none.", "topic"),
		aside:          gauge("set_aside_bytes", "Bytes of another host or another format's version: not read, removed if their room is needed.", "topic"),
		limit:          gauge("limit_bytes", "The limit of all topics' bytes, --spool-bytes.").WithLabelValues(),
		written:        counter("written_messages_total", "Messages written to disk.", "topic"),
		writtenBytes:   counter("written_bytes_total", "Bytes of those messages.", "topic"),
		records:        counter("written_records_total", "Rows in those messages.", "topic"),
		sent:           counter("sent_messages_total", "Messages from disk that left it because Kafka has them.", "topic"),
		dropped:        counter("dropped_messages_total", "Messages dropped from disk for want of room; their numbers become loss ranges.", "topic"),
		lost:           counter("lost_records_total", "Numbered records lost on disk, spool_overflow or spool_damaged; each lies in a loss range.", "cause"),
		unknownRecords: counter("unknown_records_total", "Rows of messages so damaged that their numbers are unknown; the audit finds them missing.").WithLabelValues(),
		damagedBytes:   counter("damaged_bytes_total", "Bytes on disk that are part of no message: a torn tail, or damage.").WithLabelValues(),
		space:          counter("set_aside_removed_bytes_total", "Bytes set aside that were removed because their room was needed.", "topic"),
	}
	for _, cause := range []string{schema.LossSpoolOverflow, schema.LossSpoolDamaged} {
		m.lost.WithLabelValues(cause)
	}
	return m
}

// begin shows a topic's counters at zero: one that is absent until its first message cannot be watched.
func (m *metrics) begin(topic string) {
	for _, counter := range []*prometheus.CounterVec{m.written, m.writtenBytes, m.records, m.sent, m.dropped, m.space} {
		counter.WithLabelValues(topic)
	}
}
