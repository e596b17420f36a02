// SPDX-License-Identifier: Apache-2.0

package nat

import "github.com/prometheus/client_golang/prometheus"

// result is what came of a lookup.
type result string

const (
	translated   result = "translated"
	untranslated result = "untranslated" // tracked, and the same for both sides
	untracked    result = "untracked"
	another      result = "another" // a connection of the same tuple: in another network namespace, or the port's next one
	failed       result = "failed"
)

type metrics struct {
	available prometheus.Gauge
	lookups   map[result]prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{lookups: map[result]prometheus.Counter{},
		available: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tcpledger_agent_nat_available", Help: "Whether connection tracking can be asked, with --nat."})}
	lookups := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tcpledger_agent_nat_lookups_total",
		Help: "Ended connections that connection tracking was asked for: translated, untranslated, untracked, another (of the same tuple), failed."}, []string{"result"})
	registry.MustRegister(m.available, lookups)
	for _, r := range []result{translated, untranslated, untracked, another, failed} {
		m.lookups[r] = lookups.WithLabelValues(string(r))
	}
	return m
}
