// SPDX-License-Identifier: Apache-2.0

// Package refreshes watches how ClickHouse keeps the rollups and finds storms: a view that fails shows in the ingester's health, what
// waits to be computed and the storms that go on in its metrics.
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
	broken  atomic.Pointer[string]

	failed  *prometheus.GaugeVec
	waiting *prometheus.GaugeVec
	lag     *prometheus.GaugeVec
	storms  *prometheus.GaugeVec
	aside   *prometheus.GaugeVec
}

// New makes the job. It asks by db; outage hears of questions that fail.
func New(db *clickhouse.DB, outage retry.Outage, registry prometheus.Registerer) *Job {
	gauge := func(name, label, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tcpledger_ingester_" + name, Help: help}, []string{label})
		registry.MustRegister(g)
		return g
	}
	return &Job{db: db, outage: outage,
		failed:  gauge("rollup_failing", "rollup", "1 if the last refresh of the rollup's view failed, or none ended for half an hour."),
		waiting: gauge("rollup_waiting", "rollup", "Five minutes, or hours, that got rows since they were computed."),
		lag:     gauge("rollup_lag_seconds", "rollup", "Age of the oldest note of rows that the rollup does not have yet; a minute is normal."),
		storms:  gauge("storm_excess", "what", "How many more than expected there are so far in a storm that goes on; absent without one. Each ingester says the same."),
		aside:   gauge("broken_parts", "table", "Parts that ClickHouse set aside since it cannot read them: their rows are missing."),
	}
}

// Run looks until ctx ends and returns its error.
func (j *Job) Run(ctx context.Context) error { return jobs.Run(ctx, j, schedule, nil, j.outage) }

// Err says which views fail.
func (j *Job) Err() error { return said(&j.failing) }

// Broken says which parts ClickHouse set aside.
func (j *Job) Broken() error { return said(&j.broken) }

func said(text *atomic.Pointer[string]) error {
	if text := text.Load(); text != nil && *text != "" {
		return fmt.Errorf("%s", *text)
	}
	return nil
}

// Pass looks once.
func (j *Job) Pass(ctx context.Context) (changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, maxAnswer)
	defer cancel()
	if err := j.lookForBroken(ctx); err != nil {
		return false, err
	}
	states, err := j.db.Refreshes(ctx)
	if err != nil {
		return false, err
	}
	var failing []string
	look := func(name string) clickhouse.Refresh {
		state, ok := states[name]
		why := "its view is missing"
		if ok {
			why = state.Trouble(time.Now())
		}
		if why != "" {
			failing = append(failing, name+": "+why)
		}
		j.failed.WithLabelValues(name).Set(map[bool]float64{true: 1}[why != ""])
		return state
	}
	for _, r := range schema.Rollups() {
		state := look(r.Name)
		j.waiting.WithLabelValues(r.Name).Set(float64(state.Waiting))
		j.lag.WithLabelValues(r.Name).Set(state.Lag.Seconds())
	}
	for _, step := range schema.StormSteps() {
		look(step.Table.Name)
	}
	slices.Sort(failing)
	text := strings.Join(failing, "; ")
	j.failing.Store(&text)
	return false, j.lookForStorms(ctx)
}

// maxNamed bounds the broken parts that health names.
const maxNamed = 3

// lookForBroken shows how many parts of each table are set aside: an alert on their growth needs the 0.
func (j *Job) lookForBroken(ctx context.Context) error {
	parts, err := j.db.SetAside(ctx)
	if err != nil {
		return err
	}
	j.aside.Reset()
	for _, t := range schema.AllTables() {
		j.aside.WithLabelValues(t.Name).Set(0)
	}
	var named []string
	for _, p := range parts {
		j.aside.WithLabelValues(p.Table).Inc()
		named = append(named, p.String())
	}
	if more := len(named) - maxNamed; more > 0 {
		named = append(named[:maxNamed], fmt.Sprintf("and %d more", more))
	}
	text := strings.Join(named, "; ")
	if text != "" {
		text = schema.DamageHint + ": " + text
	}
	j.broken.Store(&text)
	return nil
}

// lookForStorms shows the storms that go on, and those only.
func (j *Job) lookForStorms(ctx context.Context) error {
	storms, err := j.db.StormsNow(ctx)
	if err != nil {
		return err
	}
	j.storms.Reset()
	for what, excess := range storms {
		j.storms.WithLabelValues(what).Set(excess)
	}
	return nil
}
