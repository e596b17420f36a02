// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"github.com/prometheus/client_golang/prometheus"

	"tcpledger/internal/judge"
)

type metrics struct {
	messages    *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tcpledger_ingester_messages_total",
			Help: "Messages taken, by topic; those that are read again count again."}, []string{"topic"}),
		deadLetters: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tcpledger_ingester_dead_letters_total",
			Help: "Messages of which something could not be stored, by reason; a message with two reasons counts for both."}, []string{"reason"}),
	}
	for _, kind := range judge.Kinds() {
		m.deadLetters.WithLabelValues(string(kind))
	}
	registry.MustRegister(m.messages, m.deadLetters)
	return m
}
