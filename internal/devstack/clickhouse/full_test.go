// SPDX-License-Identifier: Apache-2.0

package clickhouse_test

import (
	"fmt"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/test/lab"
	"tcpledger/test/wait"
)

// The engine waits for room on a full disk, wherever it meets that: in an insert or in a merge. It goes on once there is room, every row
// that it acknowledged is there, and no part is broken. (The library by itself acknowledges rows that it could not write.)
func TestAFullDiskLosesNoRow(t *testing.T) {
	const fills = 8
	o := clickhousetest.Options(t)
	o.DataDir = lab.Disk(t, "400m")
	server := clickhousetest.StartAt(t, o)
	conn := connect(t, server.Addr())
	require.NoError(t, conn.Exec(t.Context(), "CREATE DATABASE ledger"))
	require.NoError(t, conn.Exec(t.Context(), "CREATE TABLE ledger.t (n UInt64, text String) ENGINE = ReplacingMergeTree ORDER BY n"))
	acknowledged, stop := keepInserting(t, conn)
	for range fills {
		for range 10 {
			<-acknowledged
		}
		lab.FillDisk(t, o.DataDir)
		for quiet := false; !quiet; { // what had room before the disk was full
			select {
			case <-acknowledged:
			case <-time.After(500 * time.Millisecond):
				quiet = true
			}
		}
		lab.EmptyDisk(t, o.DataDir)
	}
	<-acknowledged
	stored := stop()
	require.Equal(t, fmt.Sprint(stored), query(t, conn, fmt.Sprintf("SELECT toString(countIf(n <= %d AND NOT ignore(text))) FROM ledger.t", stored)))
	var whole uint8
	require.NoError(t, conn.QueryRow(t.Context(), "CHECK TABLE ledger.t SETTINGS check_query_single_value_result = 1").Scan(&whole))
	require.EqualValues(t, 1, whole)
	require.NoError(t, server.Stop(t.Context()))
}

// keepInserting inserts a row after the other until stop, which returns how many the server acknowledged: the numbers from 1 on. Each of
// them is told.
func keepInserting(t *testing.T, conn driver.Conn) (acknowledged <-chan struct{}, stop func() uint64) {
	t.Helper()
	told, end, ended := make(chan struct{}, 1), make(chan struct{}), make(chan uint64, 1)
	go func() {
		for stored := uint64(0); ; {
			select {
			case <-end:
				ended <- stored
				return
			default:
			}
			if conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO ledger.t SELECT %d, randomString(3000)", stored+1)) == nil {
				stored++
				select {
				case told <- struct{}{}:
				default:
				}
			}
		}
	}()
	return told, func() uint64 {
		close(end)
		select {
		case stored := <-ended:
			return stored
		case <-time.After(wait.Long):
			t.Fatal("an insert hangs, with room on the disk")
			return 0
		}
	}
}
