// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/retry"
)

var errAway = errors.New("away")

// heard counts what an outage is told.
type heard struct{ failing, recovered int }

func (h *heard) Failing(error) { h.failing++ }
func (h *heard) Recovered()    { h.recovered++ }

func TestUntilItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h heard
		began, tries := time.Now(), 0
		require.NoError(t, retry.Until(t.Context(), retry.Policy{First: time.Second}, &h, func(context.Context) error {
			if tries++; tries <= 3 {
				return errAway
			}
			return nil
		}))
		require.Equal(t, heard{failing: 3, recovered: 1}, h)
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}

func TestPausesGrowAndStayBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pauses []time.Duration
		last := time.Now()
		require.NoError(t, retry.Until(t.Context(), retry.Policy{First: time.Second, Max: 10 * time.Second}, nil, func(context.Context) error {
			pauses, last = append(pauses, time.Since(last)), time.Now()
			if len(pauses) < 30 {
				return errAway
			}
			return nil
		}))
		require.Less(t, pauses[1], 2*time.Second)
		require.Greater(t, pauses[29], 4*time.Second)
		for _, p := range pauses {
			require.LessOrEqual(t, p, 15*time.Second, "the longest pause and its jitter")
		}
	})
}

func TestWhatNoTryCanMend(t *testing.T) {
	var h heard
	err := retry.Until(t.Context(), retry.Policy{First: time.Hour}, &h, func(context.Context) error { return retry.Permanent(errAway) })
	require.Equal(t, errAway, err)
	require.Equal(t, heard{failing: 1}, h)
}

func TestAnEndSaysWhatTheLastTrySaid(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var h heard
	err := retry.Until(ctx, retry.Policy{First: time.Hour}, &h, func(context.Context) error {
		defer cancel()
		return errAway
	})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, errAway)

	h = heard{}
	err = retry.Until(ctx, retry.Policy{First: time.Hour}, &h, func(ctx context.Context) error { return ctx.Err() })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, heard{}, h, "being stopped is no failure")
}
