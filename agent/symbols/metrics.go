// SPDX-License-Identifier: Apache-2.0

package symbols

import "github.com/prometheus/client_golang/prometheus"

// How the wait of a table ended.
const (
	resultPublished = "published"
	resultAlready   = "already_there"
	resultGone      = "gone"    // the code was unloaded first
	resultDropped   = "dropped" // too many tables wait, or this one cannot be encoded
)

type metrics struct {
	tables    *prometheus.CounterVec
	failures  prometheus.Counter
	malformed prometheus.Counter
}

func newMetrics(registry prometheus.Registerer, u *Uploader) *metrics {
	m := &metrics{
		tables: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tcpledger_agent_symbol_tables_total",
			Help: "Symbol tables that stacks refer to, by how their wait ended."}, []string{"result"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "tcpledger_agent_symbol_failures_total",
			Help: "Tries to read or write the symbol topics that failed."}),
		malformed: prometheus.NewCounter(prometheus.CounterOpts{Name: "tcpledger_agent_builds_malformed_total",
			Help: "Messages of the builds topic that could not be read."}),
	}
	for _, result := range []string{resultPublished, resultAlready, resultGone, resultDropped} {
		m.tables.WithLabelValues(result)
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tcpledger_agent_symbol_tables_waiting",
		Help: "Symbol tables that wait to be published."}, func() float64 { return float64(len(u.missing())) })
	registry.MustRegister(m.tables, m.failures, m.malformed, waiting)
	return m
}
