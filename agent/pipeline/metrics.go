// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"github.com/prometheus/client_golang/prometheus"

	"tcpledger/schema"
)

const prefix = "tcpledger_agent_"

// What happened to a stack.
const (
	stackNew      = "new"      // sent
	stackInline   = "inline"   // the stack map was full: its frames came with the record
	stackMissing  = "missing"  // in no map any more
	stackMismatch = "mismatch" // the map gave no frames, or those of another hash
)

type metrics struct {
	records     [256]prometheus.Counter // by the kind's number
	malformed   prometheus.Counter
	repeated    prometheus.Gauge
	lost        *prometheus.CounterVec
	gaps        prometheus.Gauge
	held        prometheus.Gauge
	merged      prometheus.Gauge
	early       prometheus.Gauge
	stacks      *prometheus.CounterVec
	checkpoints *prometheus.CounterVec
	last        prometheus.Gauge
	lag         prometheus.Gauge
	stays       *prometheus.GaugeVec
	lingering   *prometheus.GaugeVec
	listeners   prometheus.Gauge
	turnedAway  prometheus.Counter
	halfOpen    *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
		registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + name, Help: help})
		registry.MustRegister(g)
		return g
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + name, Help: help}, labels)
		registry.MustRegister(g)
		return g
	}
	records := vec("records_total", "Numbered records, read from the ring buffer or (lingering, listener) found in a map.", "kind")
	m := &metrics{
		malformed:   vec("malformed_records_total", "Samples of the ring buffer that are no record; each leaves a gap, and so a loss.").WithLabelValues(),
		repeated:    gauge("repeated_records", "Records since the start whose number had come before or was declared lost; not sent."),
		lost:        vec("lost_records_total", "Numbered records that never arrived; each lies in a loss range.", "cause"),
		gaps:        gauge("open_gaps", "Ranges of numbers that are missing and may still arrive."),
		held:        gauge("settle_held", "Endings that wait for their reset."),
		merged:      gauge("settle_merged", "Endings since the start that got a reset."),
		early:       gauge("settle_early", "Endings since the start that left before their time because too many were held."),
		stacks:      vec("stacks_total", "Stacks: new (sent), inline (the stack map was full), missing (in no map any more), mismatch.", "what"),
		checkpoints: vec("checkpoints_total", "Checkpoints made.", "phase"),
		last:        gauge("last_checkpoint_timestamp_seconds", "When the last checkpoint was made."),
		lag:         gauge("lag_seconds", "How far the record read last lies behind the kernel's clock."),
		stays:       gauges("past_established_sockets", "Sockets that one side or both have closed, at the last scan.", "state", "owner"),
		lingering:   gauges("lingering_sockets", "Of past_established_sockets those that stay longer than --lingering-after.", "state", "owner"),
		listeners:   gauge("listeners", "Listeners that are watched."),
		turnedAway:  vec("turned_away_total", "Attempts to connect that a listener of this host turned away.").WithLabelValues(),
		halfOpen:    vec("half_open_ended_total", "Handshakes with a listener of this host that ended without a connection: expired, reset.", "how"),
	}
	for _, how := range []string{halfOpenExpired, halfOpenReset} {
		m.halfOpen.WithLabelValues(how)
	}
	for _, phase := range []string{schema.CheckpointStart, schema.CheckpointPeriodic, schema.CheckpointEnd} {
		m.checkpoints.WithLabelValues(phase)
	}
	for _, what := range []string{stackNew, stackInline, stackMissing, stackMismatch} {
		m.stacks.WithLabelValues(what)
	}
	m.lost.WithLabelValues(schema.LossRingFull)
	m.lost.WithLabelValues(schema.LossAgentKilled)
	for _, kind := range schema.CaptureKinds() {
		m.records[kind] = records.WithLabelValues(kind.String())
	}
	return m
}
