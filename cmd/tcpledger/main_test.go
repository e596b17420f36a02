// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

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

// run runs the program as a person does.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	root := rootCommand()
	root.SetArgs(args)
	var out, errs strings.Builder
	root.SetOut(&out)
	root.SetErr(&errs)
	code = program.Main(root)
	return code, out.String(), errs.String()
}

// A server that hangs is named within seconds, and waited for.
func TestMigrateSaysThatTheServerHangs(t *testing.T) {
	server := clickhousetest.StartAt(t, clickhousetest.Options(t))
	root := rootCommand()
	root.SetArgs([]string{"migrate", "--apply", "--clickhouse", server.Addr()})
	out, errs, said := &strings.Builder{}, &lines{hears: make(chan string, 100)}, make(chan int, 1)
	root.SetOut(out)
	root.SetErr(errs)
	require.NoError(t, syscall.Kill(server.PID(), syscall.SIGSTOP))
	defer func() { _ = syscall.Kill(server.PID(), syscall.SIGCONT) }() // the engine's end waits for it
	go func() { said <- program.Main(root) }()
	require.Contains(t, <-errs.hears, "clickhouse does not answer")
	require.NoError(t, syscall.Kill(server.PID(), syscall.SIGCONT))
	require.Zero(t, <-said)
	require.Contains(t, out.String(), "The tables are up to date.")
}

// lines passes on each text that is written.
type lines struct{ hears chan string }

func (l *lines) Write(text []byte) (int, error) {
	l.hears <- string(text)
	return len(text), nil
}
