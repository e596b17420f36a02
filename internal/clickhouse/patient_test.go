// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
)

// A statement may take longer than the read timeout: the server reports its progress. A context's deadline still ends it.
func TestALongStatementIsNoSilence(t *testing.T) {
	addr, _ := clickhousetest.Start(t)
	const timeout = 5 * time.Second
	flags := Flags{Addr: addr, Database: "default"}
	conn, err := driver.Open(&driver.Options{Addr: []string{addr}, ReadTimeout: timeout, DialContext: flags.dial})
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	const long = "SELECT sleepEachRow(1) FROM numbers(7) FORMAT Null SETTINGS max_block_size = 1"
	begun := time.Now()
	require.NoError(t, conn.Exec(t.Context(), long))
	require.Greater(t, time.Since(begun), timeout)
	rows, err := conn.Query(t.Context(), "SELECT sleepEachRow(1) FROM numbers(7) SETTINGS max_block_size = 7, function_sleep_max_microseconds_per_block = 0")
	require.NoError(t, err)
	require.True(t, rows.Next())
	require.NoError(t, rows.Close())

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.Error(t, conn.Exec(ctx, long))
	require.NoError(t, conn.Ping(t.Context()))
}
