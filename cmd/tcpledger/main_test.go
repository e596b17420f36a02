// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/cmd/tcpledger/topics"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/schema"
	"tcpledger/test/tables"
)

func TestCommands(t *testing.T) {
	code, out, errs := run(t, "--help")
	require.Zero(t, code, errs)
	for _, name := range []string{"up", "console", "postmortem", "decode", "migrate", "topics", "version", "completion"} {
		require.Regexp(t, `(?m)^  `+name+` +[A-Z]`, out)
	}
	require.NotContains(t, out, "embedded-")
	code, _, errs = run(t, "postmorten")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "postmortem")
}

func TestMigrate(t *testing.T) {
	addr, _ := clickhousetest.Start(t)
	code, out, errs := run(t, "migrate", "--clickhouse", addr)
	require.Zero(t, code, errs)
	require.Regexp(t, `(?m)^   1  create the tables +\d+  pending$`, out)
	require.Contains(t, out, "pending: tcpledger migrate --apply")

	code, out, errs = run(t, "migrate", "--clickhouse", addr, "--apply")
	require.Zero(t, code, errs)
	require.Contains(t, out, "applied step 1: create the tables\n")
	for range 2 { // with nothing pending --apply does nothing
		code, out, errs = run(t, "migrate", "--clickhouse", addr, "--apply")
		require.Zero(t, code, errs)
		require.NotContains(t, out, "applied step")
		require.Contains(t, out, "The tables are up to date.")
	}

	code, out, errs = run(t, "migrate", "--sql", "--clickhouse-database", "elsewhere")
	require.Zero(t, code, errs)
	require.Contains(t, out, "CREATE TABLE IF NOT EXISTS elsewhere.connections\n")
	code, _, errs = run(t, "migrate", "--sql", "--apply")
	require.Equal(t, 2, code, errs)
	code, _, errs = run(t, "migrate", "--clickhouse", "127.0.0.1:1")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "connection refused")
}

func TestHooks(t *testing.T) {
	ch, db := tables.Start(t)
	tables.Exec(t, db, "INSERT INTO checkpoints (at, host, phase, received_at) VALUES (now64(6) - 3600, 'web-1', 'periodic', now64(6))")
	h := hooks()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, h.Migrate(ctx, ch.Addr))
	flow, err := h.RowsFlow(ctx, ch.Addr)
	require.NoError(t, err)
	require.False(t, flow, "rows of the run before do not count")
	tables.Exec(t, db, fmt.Sprintf("INSERT INTO checkpoints (at, host, phase, received_at) VALUES (fromUnixTimestamp64Micro(%d), 'web-1', 'start', now64(6))", time.Now().UnixMicro()))
	flow, err = h.RowsFlow(ctx, ch.Addr)
	require.NoError(t, err)
	require.True(t, flow)

	broker := kafkaBroker(t)
	require.NoError(t, h.Topics(ctx, broker))
	client, done, err := topics.NewClient(&kafkaconn.Flags{Brokers: []string{broker}})
	require.NoError(t, err)
	t.Cleanup(done)
	states, err := topics.Inspect(ctx, client, topics.Wanted(upPartitions))
	require.NoError(t, err)
	require.Len(t, states, len(schema.Topics()))
	for _, s := range states {
		require.Equal(t, s.Want.Partitions, s.Partitions)
	}
}
