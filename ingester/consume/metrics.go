// SPDX-License-Identifier: Apache-2.0

package consume

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	lag          *prometheus.GaugeVec
	skipped      *prometheus.CounterVec
	unreadable   *prometheus.CounterVec
	anew         *prometheus.CounterVec
	rewritten    *prometheus.CounterVec
	generations  prometheus.Counter
	commitErrors prometheus.Counter
}

// newMetrics shows the counters of these topics from the start: an alert on their growth needs the 0.
func newMetrics(registry prometheus.Registerer, topics []string) *metrics {
	m := &metrics{
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tcpledger_ingester_lag_messages",
			Help: "Messages of a partition of this member that are not stored yet."}, []string{"topic", "partition"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tcpledger_ingester_messages_skipped_total",
			Help: "Messages that Kafka deleted before they were read."}, []string{"topic"}),
		unreadable: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tcpledger_ingester_messages_unreadable_total",
			Help: "Offsets of batches that nobody can read; each batch is a dead letter."}, []string{"topic"}),
		anew: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tcpledger_ingester_partitions_anew_total",
			Help: "Partitions that were read from their beginning again: their topic was made anew, or ClickHouse was."}, []string{"topic"}),
		rewritten: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tcpledger_ingester_partitions_rewritten_total",
			Help: "Times that a broker was elected which lacked messages that were read; what it wrote in their place is read."}, []string{"topic"}),
		generations: prometheus.NewCounter(prometheus.CounterOpts{Name: "tcpledger_ingester_rebalances_total",
			Help: "Generations of the consumer group that this ingester was a member of."}),
		commitErrors: prometheus.NewCounter(prometheus.CounterOpts{Name: "tcpledger_ingester_commit_errors_total",
			Help: "Commits of offsets that failed; the messages are read again."}),
	}
	for _, topic := range topics {
		m.skipped.WithLabelValues(topic)
		m.unreadable.WithLabelValues(topic)
		m.anew.WithLabelValues(topic)
		m.rewritten.WithLabelValues(topic)
	}
	registry.MustRegister(m.lag, m.skipped, m.unreadable, m.anew, m.rewritten, m.generations, m.commitErrors)
	return m
}
