// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/retry"
)

// counted is a job that notes when its passes begin. pass may be nil: then a pass changes nothing.
type counted struct {
	begun time.Time
	at    []time.Duration
	pass  func(n int) (bool, error)
}

func (c *counted) Pass(context.Context) (bool, error) {
	c.at = append(c.at, time.Since(c.begun))
	if c.pass == nil {
		return false, nil
	}
	return c.pass(len(c.at))
}

var schedule = Schedule{First: time.Second, Max: 8 * time.Second, Retry: retry.Policy{First: 3 * time.Second}}

// outage counts the failed passes.
type outage struct{ failed int }

func (o *outage) Failing(error) { o.failed++ }
func (o *outage) Recovered()    {}

// runFor runs a job for a while of the bubble's time.
func runFor(t *testing.T, d time.Duration, job *counted, wake <-chan struct{}, heard *outage) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	job.begun = time.Now()
	require.ErrorIs(t, Run(ctx, job, schedule, wake, heard), context.DeadlineExceeded)
}

func TestPausesGrowWhileNothingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := &counted{pass: func(n int) (bool, error) { return n == 4, nil }}
		runFor(t, 20*time.Second, job, nil, &outage{})
		require.Equal(t, []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 8 * time.Second, 10 * time.Second, 14 * time.Second}, job.at)
	})
}

func TestWakeUpShortensThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{}, 1)
		time.AfterFunc(9*time.Second, func() { wake <- struct{}{} })
		time.AfterFunc(9100*time.Millisecond, func() { wake <- struct{}{} })
		job := &counted{}
		runFor(t, 12*time.Second, job, wake, &outage{})
		require.Equal(t, []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 9 * time.Second, 10 * time.Second, 11 * time.Second}, job.at,
			"at once after a long pause, never less than First after a pass")
	})
}

func TestFailedPassIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := &outage{}
		job := &counted{pass: func(n int) (bool, error) {
			if n <= 2 {
				return false, errors.New("away")
			}
			return false, nil
		}}
		runFor(t, 6500*time.Millisecond, job, nil, heard)
		require.Equal(t, []time.Duration{0, 3 * time.Second, 6 * time.Second}, job.at)
		require.Equal(t, 2, heard.failed)
	})
}
