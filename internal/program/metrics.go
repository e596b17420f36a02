// SPDX-License-Identifier: Apache-2.0

package program

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry makes a registry of a program's own, with the Go runtime's and the process's metrics and the constant
// tcpledger_build_info{program, version, revision, goversion} 1.
func NewRegistry(program string) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tcpledger_build_info",
		Help: "What is running; always 1.",
		ConstLabels: prometheus.Labels{
			"program": program, "version": Version, "revision": Revision(), "goversion": runtime.Version(),
		},
	})
	info.Set(1)
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		info,
	)
	return registry
}
