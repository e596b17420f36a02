// SPDX-License-Identifier: Apache-2.0

package symbolize

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tcpledger/ingester/jobs"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/retry"
	"tcpledger/schema"
)

// schedule is how often the job looks for stacks to resolve. Another ingester may have stored what this one can resolve, so
// it never rests for longer than Max.
var schedule = jobs.Schedule{First: time.Second, Max: time.Minute, Retry: retry.Policy{First: time.Second, Max: 30 * time.Second}}

const (
	// maxPage bounds the stacks that are read, resolved and stored at once: some 40 MB if all names are as long as can be.
	maxPage = 250
	// maxAnswer bounds one question to a ClickHouse that hangs.
	maxAnswer = 30 * time.Second
)

// Job resolves stored stacks whose symbol tables are complete. One goroutine calls Run; Stored may be called by others.
type Job struct {
	db      *clickhouse.DB
	tables  *tables
	metrics *metrics
	outage  retry.Outage
	wake    chan struct{}
}

// New makes the job. It reads and writes by db, which is its own. outage hears of failed passes.
func New(db *clickhouse.DB, outage retry.Outage, registry prometheus.Registerer) (*Job, error) {
	t, err := newTables(db)
	if err != nil {
		return nil, err
	}
	return &Job{db: db, tables: t, metrics: newMetrics(registry), outage: outage, wake: make(chan struct{}, 1)}, nil
}

// Stored tells the job that stacks or symbol tables were stored. It never blocks.
func (j *Job) Stored() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// Run resolves stacks until ctx ends and returns ctx's error.
func (j *Job) Run(ctx context.Context) error { return jobs.Run(ctx, j, schedule, j.wake, j.outage) }

// Pass looks once at every stack that is not resolved, page by page, and stores those that gained symbols.
func (j *Job) Pass(ctx context.Context) (changed bool, err error) {
	for cursor, more := uint64(0), true; more; {
		page, err := j.read(ctx, cursor)
		if err != nil {
			j.metrics.failures.Inc()
			return changed, err
		}
		more = len(page) == maxPage
		if len(page) > 0 {
			cursor = page[len(page)-1].ID
		}
		resolved, err := j.resolve(ctx, page)
		if err == nil {
			err = j.store(ctx, resolved)
		}
		if err != nil {
			j.metrics.failures.Inc()
			return changed, err
		}
		changed = changed || len(resolved) > 0
		j.metrics.late.Add(float64(len(resolved)))
	}
	return changed, nil
}

// resolve names the frames of the stacks and gives the stacks that gained symbols.
func (j *Job) resolve(ctx context.Context, page []stack) ([]stack, error) {
	complete, err := j.tables.complete(ctx, page)
	if err != nil {
		return nil, err
	}
	var resolved []stack
	for i := range page {
		s := &page[i]
		before := s.Resolved
		if err := s.resolve(ctx, j.tables, complete); err != nil {
			return nil, err
		}
		if s.Resolved > before {
			resolved = append(resolved, *s)
		}
	}
	return resolved, nil
}

// question bounds one question to ClickHouse and wraps its error.
func question(ctx context.Context, what string, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, maxAnswer)
	defer cancel()
	if err := ask(ctx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Rewind names the symbols topic if no symbol is stored: ClickHouse was made anew beside an older topic, which keeps every table
// for ever. It tries until ctx ends.
func (j *Job) Rewind(ctx context.Context) (topics []string, err error) {
	err = retry.Until(ctx, schedule.Retry, j.outage, func(ctx context.Context) error {
		return question(ctx, "look for symbols", func(ctx context.Context) error {
			var stored uint64
			err := j.db.QueryRow(ctx, fmt.Sprintf("SELECT count() FROM (SELECT 1 FROM %s.%s LIMIT 1)", j.db.Name, schema.Symbols().Name)).Scan(&stored)
			if err == nil && stored == 0 {
				topics = []string{schema.TopicSymbols}
			}
			return err
		})
	})
	return topics, err
}
