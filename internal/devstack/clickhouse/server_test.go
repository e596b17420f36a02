// SPDX-License-Identifier: Apache-2.0

package clickhouse_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/devstack/clickhouse/front"
	"tcpledger/test/wait"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

func connect(t *testing.T, addr string) driver.Conn {
	t.Helper()
	conn, err := driver.Open(&driver.Options{Addr: []string{addr}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

func query(t *testing.T, conn driver.Conn, sql string) string {
	t.Helper()
	var answer string
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&answer))
	return answer
}

func TestDataSurvivesKillAndStop(t *testing.T) {
	o := clickhousetest.Options(t)
	server := clickhousetest.StartAt(t, o)
	conn := connect(t, server.Addr())
	require.NoError(t, conn.Exec(t.Context(), "CREATE DATABASE ledger"))
	require.NoError(t, conn.Exec(t.Context(), "CREATE TABLE ledger.t (n UInt64) ENGINE = ReplacingMergeTree ORDER BY n"))
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO ledger.t SELECT number FROM numbers(1000)"))
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO ledger.t SELECT number FROM numbers(1000)"))
	require.NoError(t, server.Kill())

	server = clickhousetest.StartAt(t, o)
	conn = connect(t, server.Addr())
	require.Equal(t, "1000", query(t, conn, "SELECT toString(count()) FROM ledger.t"), "people see each row once")
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO ledger.t SELECT number FROM numbers(500, 1000)"))
	require.NoError(t, server.Stop(t.Context()), "closing its input ends the server cleanly")

	server = clickhousetest.StartAt(t, o)
	require.Equal(t, "1500", query(t, connect(t, server.Addr()), "SELECT toString(count()) FROM ledger.t"))
}

func TestServesLoopbackOnlyWithItsSettings(t *testing.T) {
	o := clickhousetest.Options(t)
	server := clickhousetest.StartAt(t, o)
	require.ElementsMatch(t, []string{server.Addr(), server.HTTPAddr()}, listening(t, server.PID(), os.Getpid()))
	own := listening(t, engine(t, server), engine(t, server))
	require.Len(t, own, 2)
	for _, addr := range own { // the engine's own ports answer nobody but the front
		require.True(t, strings.HasPrefix(addr, front.EngineHost+":"), addr)
	}

	conn := connect(t, server.Addr())
	require.Equal(t, "default", query(t, conn, "SELECT currentUser()"))
	require.Equal(t, "UTC", query(t, conn, "SELECT serverTimezone()"))
	for name, value := range map[string]string{"async_insert": "0", "final": "1",
		"do_not_merge_across_partitions_select_final": "1", "use_skip_indexes_if_final_exact_mode": "0"} {
		require.Equal(t, value, query(t, conn, "SELECT value FROM system.settings WHERE name = '"+name+"'"), name)
	}
	for _, name := range []string{"fsync_after_insert", "fsync_part_directory"} {
		require.Equal(t, "1", query(t, conn, "SELECT value FROM system.merge_tree_settings WHERE name = '"+name+"'"), name)
	}
	require.Equal(t, "2", query(t, conn, "SELECT value FROM system.server_settings WHERE name = 'background_pool_size'"))
	require.FileExists(t, filepath.Join(o.DataDir, "log", "server.log"))
}

func TestASecondServerOnTheSameDirectoryIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the lock")
	}
	first := clickhousetest.Options(t)
	clickhousetest.StartAt(t, first)
	second := clickhousetest.Options(t)
	second.DataDir = first.DataDir
	_, err := clickhouse.Start(t.Context(), second)
	require.ErrorContains(t, err, "in use by another process")
	require.ErrorContains(t, err, first.DataDir)
}

func TestWhatCannotStartSaysWhy(t *testing.T) {
	o := clickhousetest.Options(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), wait.Long)
	defer cancel()

	unwritable := o
	unwritable.DataDir = filepath.Join(file, "data")
	_, err := clickhouse.Start(ctx, unwritable)
	require.ErrorContains(t, err, "data directory "+file)

	server := clickhousetest.StartAt(t, o)
	o.DataDir = t.TempDir()
	_, err = clickhouse.Start(ctx, o)
	require.ErrorContains(t, err, fmt.Sprintf("port %d is in use", o.TCPPort))
	require.ErrorContains(t, err, fmt.Sprintf("pid %d", server.PID()))

	broken := clickhousetest.Options(t)
	broken.Engine = clickhouse.Engine{Path: file, Library: true}
	_, err = clickhouse.Start(ctx, broken)
	require.ErrorContains(t, err, "loading ClickHouse")
}

// engine returns the process id of the server's only child.
func engine(t *testing.T, server *clickhouse.Server) int {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", server.PID()))
	require.NoError(t, err)
	var pids []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		pids = append(pids, strings.Fields(string(text))...)
	}
	require.Len(t, pids, 1)
	pid, err := strconv.Atoi(pids[0])
	require.NoError(t, err)
	return pid
}

// listening returns the addresses that the process's sockets listen on in the network of another.
func listening(t *testing.T, pid, network int) []string {
	t.Helper()
	own := make(map[string]bool)
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	require.NoError(t, err)
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil {
			own[target] = true
		}
	}
	var found []string
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", network, table))
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) > 9 && fields[3] == "0A" && own["socket:["+fields[9]+"]"] {
				found = append(found, readable(fields[1]))
			}
		}
	}
	return found
}

// readable turns an IPv4 address of /proc (hex, least byte first) into host:port; any other stays as it is.
func readable(address string) string {
	var host uint32
	var port uint16
	if n, err := fmt.Sscanf(address, "%08X:%04X", &host, &port); err != nil || n != 2 || len(address) != len("0100007F:0016") {
		return address
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(binary.LittleEndian.AppendUint32(nil, host))), port).String()
}
