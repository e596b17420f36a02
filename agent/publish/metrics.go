// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"github.com/prometheus/client_golang/prometheus"

	"tcpledger/schema"
)

type metrics struct {
	messages, bytes, dropped, lost        *prometheus.CounterVec
	errors, records, droppedCheckpoints   prometheus.Counter
	queueBytes, queueLimit, queueMessages prometheus.Gauge
	pendingLosses                         prometheus.Gauge
	produceSeconds                        prometheus.Histogram
}

func newMetrics(registry prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tcpledger_agent_" + name, Help: help}, labels)
		registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tcpledger_agent_" + name, Help: help})
		registry.MustRegister(g)
		return g
	}
	m := &metrics{
		messages:           counter("published_messages_total", "Messages that every in-sync replica has.", "topic"),
		bytes:              counter("published_bytes_total", "Bytes of those messages before compression.", "topic"),
		records:            counter("published_records_total", "Rows in those messages.").WithLabelValues(),
		errors:             counter("publish_errors_total", "Produce requests that failed; each is tried again.").WithLabelValues(),
		dropped:            counter("publish_dropped_messages_total", "Messages dropped: queue_overflow or too_large.", "topic", "cause"),
		lost:               counter("publish_lost_records_total", "Numbered records dropped here; each lies in a loss range.", "cause"),
		droppedCheckpoints: counter("publish_dropped_checkpoints_total", "Checkpoints dropped with their message; a later one says more.").WithLabelValues(),
		queueBytes:         gauge("queue_bytes", "Bytes waiting for Kafka."),
		queueLimit:         gauge("queue_limit_bytes", "The limit of queue_bytes, --queue-bytes."),
		queueMessages:      gauge("queue_messages", "Messages waiting for Kafka."),
		pendingLosses:      gauge("queue_loss_ranges", "Loss ranges of dropped messages that go out with the next batch."),
		produceSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "tcpledger_agent_produce_seconds",
			Help: "Duration of produce requests that succeeded.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
	}
	registry.MustRegister(m.produceSeconds)
	for _, topic := range []string{schema.TopicEvents, schema.TopicMeta} {
		m.messages.WithLabelValues(topic)
		m.bytes.WithLabelValues(topic)
		for _, cause := range []string{schema.LossQueueOverflow, schema.LossTooLarge} {
			m.dropped.WithLabelValues(topic, cause)
			m.lost.WithLabelValues(cause)
		}
	}
	return m
}
