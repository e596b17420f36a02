// SPDX-License-Identifier: Apache-2.0

// Package refreshes watches how ClickHouse keeps the rollups: a view that fails shows in the ingester's health, and what waits to be
// computed in its metrics.
package refreshes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tcpledger/ingester/jobs"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/retry"
	"tcpledger/schema"
)

// schedule is how often the job looks.
var schedule = jobs.Schedule{First: 30 * time.Second, Max: 30 * time.Second, Retry: retry.Policy{First: 30 * time.Second}}

// maxAnswer bounds a look at a ClickHouse that hangs.
const maxAnswer = 20 * time.Second

// Job looks at the refreshes. One goroutine calls Run; Err may be called by others.
type Job struct {
	db      *clickhouse.DB
	outage  retry.Outage
	failing atomic.Pointer[string]

	failed  *prometheus.GaugeVec
	waiting *prometheus.GaugeVec
	lag     *prometheus.GaugeVec
}

// New makes the job. It asks by db; outage hears of questions that fail.
func New(db *clickhouse.DB, outage retry.Outage, registry prometheus.Registerer) *Job {
	gauge := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tcpledger_ingester_rollup_" + name, Help: help}, []string{"rollup"})
		registry.MustRegister(g)
		return g
	}
	return &Job{db: db, outage: outage,
		failed:  gauge("failing", "1 if the last refresh of the rollup's view failed, or none ended for half an hour."),
		waiting: gauge("waiting", "Five minutes, or hours, that got rows since they were computed."),
		lag:     gauge("lag_seconds", "Age of the oldest note of rows that the rollup does not have yet; a minute is normal."),
	}
}

// Run looks until ctx ends and returns its error.
func (j *Job) Run(ctx context.Context) error { return jobs.Run(ctx, j, schedule, nil, j.outage) }

// Err says which views fail.
func (j *Job) Err() error {
	if text := j.failing.Load(); text != nil && *text != "" {
		return fmt.Errorf("%s", *text)
	}
	return nil
}

// Pass looks once.
func (j *Job) Pass(ctx context.Context) (changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, maxAnswer)
	defer cancel()
	states, err := j.db.Refreshes(ctx)
	if err != nil {
		return false, err
	}
	var failing []string
	for _, r := range schema.Rollups() {
		state, ok := states[r.Name]
		why := "its view is missing"
		if ok {
			why = state.Trouble(time.Now())
		}
		if why != "" {
			failing = append(failing, r.Name+": "+why)
		}
		j.failed.WithLabelValues(r.Name).Set(map[bool]float64{true: 1}[why != ""])
		j.waiting.WithLabelValues(r.Name).Set(float64(state.Waiting))
		j.lag.WithLabelValues(r.Name).Set(state.Lag.Seconds())
	}
	slices.Sort(failing)
	text := strings.Join(failing, "; ")
	j.failing.Store(&text)
	return false, nil
}
