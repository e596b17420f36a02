// SPDX-License-Identifier: Apache-2.0

// Package clickhousetest gives tests a real ClickHouse of their own.
package clickhousetest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack"
	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/clickhouse"
	"tcpledger/internal/devstack/port"
)

// timeout bounds a start and a stop; the engine's first download comes on top.
const timeout = time.Minute

// Main is for TestMain: it lets the test binary be the child process of either embedded engine.
func Main(m *testing.M) {
	if child.RunHidden(devstack.Commands()...) {
		return
	}
	m.Run()
}

// Start starts an engine on free ports and an empty directory and returns its native and HTTP addresses ("127.0.0.1:port").
// It ends with the test. The package's TestMain must call Main.
func Start(t testing.TB) (addr, httpAddr string) {
	t.Helper()
	server := StartAt(t, Options(t))
	return server.Addr(), server.HTTPAddr()
}

// Options returns options with the machine's engine (fetched if it is missing), free ports and a directory of the test.
func Options(t testing.TB) clickhouse.Options {
	t.Helper()
	engine, err := clickhouse.Find(context.Background(), os.Stderr)
	require.NoError(t, err)
	ports, err := port.FreeSeveral(2)
	require.NoError(t, err)
	return clickhouse.Options{Engine: engine, DataDir: t.TempDir(), TCPPort: ports[0], HTTPPort: ports[1]}
}

// StartAt starts an engine with these options, for tests that kill it and start it again on the same directory.
func StartAt(t testing.TB, o clickhouse.Options) *clickhouse.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	server, err := clickhouse.Start(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() {
		select {
		case <-server.Done():
			return // the test has stopped or killed it
		default:
		}
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		require.NoError(t, server.Stop(ctx))
	})
	return server
}
