// SPDX-License-Identifier: Apache-2.0

package stacks

import "github.com/prometheus/client_golang/prometheus"

// What became of a table that a stack refers to.
const (
	resultPublished = "published"
	resultAlready   = "already_there"
	resultGone      = "gone"    // unloaded before its turn came
	resultDropped   = "dropped" // too many wait, or it cannot be encoded
)

type publisherCounters struct {
	tables    *prometheus.CounterVec
	failures  prometheus.Counter
	malformed prometheus.Counter
}

func newPublisherCounters(to prometheus.Registerer, p *Publisher) (*publisherCounters, error) {
	c := &publisherCounters{
		tables: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tcpledger_agent_symbol_tables_total",
			Help: "Symbol tables that stacks refer to, by what became of them"}, []string{"result"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "tcpledger_agent_symbol_failures_total",
			Help: "Tries to read or write the symbol topics that failed"}),
		malformed: prometheus.NewCounter(prometheus.CounterOpts{Name: "tcpledger_agent_builds_malformed_total",
			Help: "Messages of the builds topic that could not be read"}),
	}
	for _, result := range []string{resultPublished, resultAlready, resultGone, resultDropped} {
		c.tables.WithLabelValues(result)
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tcpledger_agent_symbol_tables_waiting",
		Help: "Symbol tables that wait to be published"}, func() float64 { return float64(len(p.missing())) })
	bytes := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tcpledger_agent_symbols_bytes",
		Help: "Memory that the kernel's symbols take"}, func() float64 { _, bytes := p.resolver.Size(); return float64(bytes) })
	for _, m := range []prometheus.Collector{c.tables, c.failures, c.malformed, waiting, bytes} {
		if err := to.Register(m); err != nil {
			return nil, err
		}
	}
	return c, nil
}
