// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
	"tcpledger/schema"
)

// An ingester works on a database of a newer version as long as the tables have what it writes.
func TestANewerDatabase(t *testing.T) {
	addr, _ := clickhousetest.Start(t)
	flags := clickhouse.Flags{Addr: addr, Database: schema.Database}
	db, err := flags.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	outage := program.NewOutage(log, "clickhouse")
	require.NoError(t, prepare(t.Context(), db, true, outage, log))
	require.Contains(t, out.String(), `applied="step 1: create the tables"`)

	require.NoError(t, db.Exec(t.Context(), "INSERT INTO tcpledger.migrations (step, name) VALUES (99, 'fly to the moon')"))
	for _, migrate := range []bool{true, false} {
		out.Reset()
		require.NoError(t, prepare(t.Context(), db, migrate, outage, log))
		require.Contains(t, out.String(), "step 99 (fly to the moon)")
		require.NotContains(t, out.String(), "applied")
	}
	require.NoError(t, db.Exec(t.Context(), "ALTER TABLE tcpledger.events DROP COLUMN length"))
	for _, migrate := range []bool{true, false} {
		require.ErrorContains(t, prepare(t.Context(), db, migrate, outage, log), "the column events.length is missing")
	}
}

// A migration that ClickHouse refuses is waited for: the ingester says why and goes on once somebody has mended it.
func TestARefusedMigrationIsWaitedFor(t *testing.T) {
	addr, _ := clickhousetest.Start(t)
	db := open(t, addr)
	require.NoError(t, db.Exec(t.Context(), "CREATE DATABASE tcpledger"))
	require.NoError(t, db.Exec(t.Context(), "CREATE TABLE tcpledger.migrations (somebody UInt8) ENGINE = Memory"))
	p := start(t, "--brokers", newKafka(t), "--clickhouse", addr)
	require.Eventually(t, func() bool { return p.said("not available") > 0 }, maxWait, 10*time.Millisecond)
	require.Equal(t, 1, p.said("UNKNOWN_IDENTIFIER")+p.said("code: 47"), "it says why, once")
	require.NoError(t, db.Exec(t.Context(), "DROP TABLE tcpledger.migrations SYNC"))
	eventually(t, db, "SELECT count() FROM system.tables WHERE database = 'tcpledger' AND name = 'losses'", is(1))
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, p.ends(t))
}

// A ClickHouse that hangs is named within seconds, be it at the start or in the middle of a migration. The ingester goes on when it
// answers again.
func TestAHungServerIsSaidAndWaitedFor(t *testing.T) {
	for name, hangs := range map[string]string{"at the start": "", "in a migration": "applied="} {
		t.Run(name, func(t *testing.T) {
			server := clickhousetest.StartAt(t, clickhousetest.Options(t))
			db := open(t, server.Addr())
			if hangs == "" {
				require.NoError(t, syscall.Kill(server.PID(), syscall.SIGSTOP))
			}
			p := start(t, "--brokers", newKafka(t), "--clickhouse", server.Addr())
			if hangs != "" {
				require.Eventually(t, func() bool { return p.said(hangs) > 0 }, maxWait, time.Millisecond)
				require.NoError(t, syscall.Kill(server.PID(), syscall.SIGSTOP))
			}
			defer func() { _ = syscall.Kill(server.PID(), syscall.SIGCONT) }() // the engine's end waits for it
			require.Eventually(t, func() bool { return p.said("not available") > 0 }, maxWait, 10*time.Millisecond, "it is said long before a statement gives up")
			require.Zero(t, p.said("view losses"), "it hung in the middle")
			require.NoError(t, syscall.Kill(server.PID(), syscall.SIGCONT))
			require.Eventually(t, func() bool { return p.said("available again") > 0 }, maxWait, 10*time.Millisecond)
			eventually(t, db, "SELECT count() FROM system.tables WHERE database = 'tcpledger' AND name = 'losses'", is(1))
			require.NoError(t, p.Process.Signal(syscall.SIGTERM))
			require.Equal(t, 0, p.ends(t))
		})
	}
}
