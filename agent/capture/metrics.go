// SPDX-License-Identifier: Apache-2.0

package capture

import "github.com/prometheus/client_golang/prometheus"

// collector gives the kernel side's counters at each scrape.
type collector struct {
	capture *Capture
	desc    *prometheus.Desc
}

// Collector has the metric tcpledger_agent_kernel_total: Totals, by name.
func (c *Capture) Collector() prometheus.Collector {
	return &collector{capture: c, desc: prometheus.NewDesc("tcpledger_agent_kernel_total",
		"What the kernel side counted, by name; docs/losses.md says what each name means.", []string{"name"}, nil)}
}

// Describe is prometheus.Collector's.
func (c *collector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect is prometheus.Collector's. It gives nothing before Start and after Close.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	counts, err := c.capture.Totals()
	if err != nil {
		return
	}
	for name, n := range counts {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(n), name)
	}
}
