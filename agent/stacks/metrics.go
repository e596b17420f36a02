// SPDX-License-Identifier: Apache-2.0

package stacks

import "github.com/prometheus/client_golang/prometheus"

// Memory is the gauge of the memory of the kernel's symbols.
func (r *Resolver) Memory() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tcpledger_agent_symbols_bytes",
		Help: "Memory that the kernel's symbols take."}, func() float64 { _, bytes := r.Size(); return float64(bytes) })
}
