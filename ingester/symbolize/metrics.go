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
			Help: "Stacks that were completed after they were stored."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "tcpledger_ingester_symbol_failures_total",
			Help: "Stacks stored with frames in hex since their symbols could not be read from ClickHouse then."}),
	}
	registry.MustRegister(m.late, m.failures)
	return m
}
