// SPDX-License-Identifier: Apache-2.0

package store

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	rows     *prometheus.CounterVec
	inserts  *prometheus.CounterVec
	flushes  prometheus.Counter
	failures prometheus.Counter
	seconds  prometheus.Histogram
}

func newMetrics(registry prometheus.Registerer, tables []string) *metrics {
	m := &metrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tcpledger_ingester_rows_total",
			Help: "Rows that ClickHouse acknowledged, by table."}, []string{"table"}),
		inserts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tcpledger_ingester_inserts_total",
			Help: "Inserts that ClickHouse acknowledged, by table."}, []string{"table"}),
		flushes: prometheus.NewCounter(prometheus.CounterOpts{Name: "tcpledger_ingester_flushes_total",
			Help: "Flushes of which every insert was acknowledged."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "tcpledger_ingester_insert_failures_total",
			Help: "Inserts that failed; each is tried again."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "tcpledger_ingester_insert_seconds",
			Help: "How long an acknowledged insert took.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)}),
	}
	for _, table := range tables {
		m.rows.WithLabelValues(table)
		m.inserts.WithLabelValues(table)
	}
	registry.MustRegister(m.rows, m.inserts, m.flushes, m.failures, m.seconds)
	return m
}

func (m *metrics) inserted(table string, rows int, took time.Duration) {
	m.rows.WithLabelValues(table).Add(float64(rows))
	m.inserts.WithLabelValues(table).Inc()
	m.seconds.Observe(took.Seconds())
}
