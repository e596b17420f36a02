// SPDX-License-Identifier: Apache-2.0

// Package jobs runs the ingester's background work. A job has its own goroutine and its own connection to ClickHouse, so
// that a slow question never holds up the rows.
package jobs

import (
	"context"
	"time"

	"tcpledger/internal/retry"
)

// Job is a piece of background work. Pass does all of it that can be done now and reports whether it changed anything.
type Job interface {
	Pass(ctx context.Context) (changed bool, err error)
}

// Schedule says when a job's next pass begins: First after a pass that changed something or after a wake-up; twice as long
// after each pass that changed nothing, up to Max. Retry is the pause between passes that fail.
type Schedule struct {
	First time.Duration
	Max   time.Duration
	Retry retry.Policy
}

// Run calls the job's Pass until ctx ends and returns ctx's error. A receive from wake shortens the pause to the schedule's
// First. outage hears of failed passes.
func Run(ctx context.Context, job Job, schedule Schedule, wake <-chan struct{}, outage retry.Outage) error {
	for pause := schedule.First; ; {
		changed := false
		err := retry.Until(ctx, schedule.Retry, outage, func(ctx context.Context) (err error) {
			changed, err = job.Pass(ctx)
			return err
		})
		if err != nil {
			return err
		}
		if changed {
			pause = schedule.First
		}
		woken, err := sleep(ctx, schedule.First, pause, wake)
		if err != nil {
			return err
		}
		if pause = min(2*pause, schedule.Max); woken {
			pause = schedule.First
		}
	}
}

// sleep waits for pause, or for at least first if wake shortens it. It returns ctx's error if ctx ends.
func sleep(ctx context.Context, first, pause time.Duration, wake <-chan struct{}) (woken bool, err error) {
	begun, timer := time.Now(), time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-timer.C:
			return woken, nil
		case <-wake:
			woken = true
			timer.Reset(max(0, first-time.Since(begun)))
		}
	}
}
