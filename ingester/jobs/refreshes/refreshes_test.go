// SPDX-License-Identifier: Apache-2.0

package refreshes

import (
	"fmt"
	"os"
	"path/filepath"
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
	require.Equal(t, len(schema.Rollups())+len(schema.StormSteps()), testutil.CollectAndCount(registry, "tcpledger_ingester_rollup_failing"))
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

// A part that ClickHouse set aside is in the job's health and in the metrics until somebody removes it.
func TestABrokenPartIsSeen(t *testing.T) {
	options := clickhousetest.Options(t)
	_, db := tables.Make(t, clickhousetest.StartAt(t, options).Addr(), schema.Database)
	registry := prometheus.NewRegistry()
	job := New(db, nil, registry)
	_, err := job.Pass(t.Context())
	require.NoError(t, err)
	require.NoError(t, job.Broken())
	var path string
	require.NoError(t, db.QueryRow(t.Context(), "SELECT data_paths[1] FROM system.tables WHERE database = 'tcpledger' AND name = 'connections'").Scan(&path))
	_, below, _ := strings.Cut(path, "/store/")
	aside := filepath.Join(options.DataDir, "store", below, "detached", "broken-on-start_20261128_1_4_1")
	require.NoError(t, os.MkdirAll(aside, 0o755))
	_, err = job.Pass(t.Context())
	require.NoError(t, err)
	require.ErrorContains(t, job.Broken(), "connections: ")
	require.EqualValues(t, 1, testutil.ToFloat64(job.aside.WithLabelValues("connections")))
	require.NoError(t, os.Remove(aside))
	_, err = job.Pass(t.Context())
	require.NoError(t, err)
	require.NoError(t, job.Broken())
	require.Zero(t, testutil.ToFloat64(job.aside.WithLabelValues("connections")))
	require.Equal(t, len(schema.AllTables()), testutil.CollectAndCount(registry, "tcpledger_ingester_broken_parts"), "each table has its 0")
}

// A storm that goes on is in the metrics with how many more than expected there are, until it is over.
func TestAStormIsShown(t *testing.T) {
	_, db := tables.Start(t)
	require.NoError(t, db.Exec(t.Context(), "SYSTEM STOP VIEWS"))
	registry := prometheus.NewRegistry()
	job := New(db, nil, registry)
	look := func() int {
		_, err := job.Pass(t.Context())
		require.NoError(t, err)
		return testutil.CollectAndCount(registry, "tcpledger_ingester_storm_excess")
	}
	require.Zero(t, look())
	row := "INSERT INTO tcpledger.storms (what, began, ended, records, expected, made_at) SELECT '%s', toDateTime('2026-01-01 00:00:00'), now() %s, 500, 20.5, now64(3)"
	require.NoError(t, db.Exec(t.Context(), fmt.Sprintf(row, "refused", "+ INTERVAL 30 MINUTE")))
	require.NoError(t, db.Exec(t.Context(), fmt.Sprintf(row, "drop", "- INTERVAL 6 MINUTE")))
	require.Equal(t, 1, look())
	require.InDelta(t, 479.5, testutil.ToFloat64(job.storms.WithLabelValues("refused")), 0.01)
	require.NoError(t, db.Exec(t.Context(), fmt.Sprintf(row, "refused", "- INTERVAL 6 MINUTE")))
	require.Zero(t, look())
}

func text(j *Job) string {
	if err := j.Err(); err != nil {
		return err.Error()
	}
	return ""
}
