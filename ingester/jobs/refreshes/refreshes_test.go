// SPDX-License-Identifier: Apache-2.0

package refreshes

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/schema"
	"tcpledger/test/tables"
	"tcpledger/test/wait"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// A view that fails is in the job's error and in the metrics until it succeeds again, and so are rows that wait.
func TestAFailingViewIsSeen(t *testing.T) {
	_, db := tables.Start(t)
	registry := prometheus.NewRegistry()
	job := New(db, nil, registry)
	look := func() {
		_, err := job.Pass(t.Context())
		require.NoError(t, err)
	}
	refresh := func() {
		for _, verb := range []string{"CANCEL", "REFRESH"} {
			require.NoError(t, db.Exec(t.Context(), "SYSTEM "+verb+" VIEW tcpledger.closes_1m_refresh"))
		}
		_ = db.Exec(t.Context(), "SYSTEM WAIT VIEW tcpledger.closes_1m_refresh") // its error is the view's
	}
	refresh()
	look()
	require.NoError(t, job.Err())
	require.Equal(t, len(schema.Rollups()), testutil.CollectAndCount(registry, "tcpledger_ingester_rollup_failing"))
	require.Zero(t, testutil.ToFloat64(job.waiting.WithLabelValues("closes_1m")))

	require.NoError(t, db.Exec(t.Context(), "RENAME TABLE tcpledger.closes_1m TO tcpledger.elsewhere"))
	tables.Fill(t, db)
	refresh()
	require.Eventually(t, func() bool {
		states, err := db.Refreshes(t.Context())
		return err != nil || states["closes_1m"].Exception != "" // what waits cannot be asked without the table
	}, wait.Long, 100*time.Millisecond)
	require.NoError(t, db.Exec(t.Context(), "RENAME TABLE tcpledger.elsewhere TO tcpledger.closes_1m"))
	look()
	require.ErrorContains(t, job.Err(), "closes_1m: ")
	require.EqualValues(t, 1, testutil.ToFloat64(job.failed.WithLabelValues("closes_1m")))
	require.Positive(t, testutil.ToFloat64(job.waiting.WithLabelValues("closes_1m")))

	refresh()
	look()
	require.False(t, strings.Contains(text(job), "closes_1m: "), text(job))
	require.Zero(t, testutil.ToFloat64(job.waiting.WithLabelValues("closes_1m")))
}

func text(j *Job) string {
	if err := j.Err(); err != nil {
		return err.Error()
	}
	return ""
}
