// SPDX-License-Identifier: Apache-2.0

package symbolize

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	late     prometheus.Counter
	failures prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		late: prometheus.NewCounter(prometheus.CounterOpts{Name: "tcpledger_ingester_late_stacks_total",
			Help: "Stored stacks that gained symbols; a stack gains more than once if its tables come one after the other."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "tcpledger_ingester_symbol_failures_total",
			Help: "Passes over the unresolved stacks that ClickHouse cut short; each is repeated."}),
	}
	registry.MustRegister(m.late, m.failures)
	return m
}
