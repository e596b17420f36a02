// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
)

// server is a real ClickHouse that took clickhouse/users.xml the way the Compose file's server takes it: from users.d
// beside its own users.
type server struct{ native, http string }

func startServer(t *testing.T) server {
	t.Helper()
	t.Setenv("TCPLEDGER_CLICKHOUSE_PASSWORD", passwords["tcpledger"])
	t.Setenv("CLICKHOUSE_READER_PASSWORD", passwords["reader"])
	options := clickhousetest.Options(t)
	users, err := os.ReadFile("clickhouse/users.xml")
	require.NoError(t, err)
	directory := filepath.Join(options.DataDir, "users.d")
	require.NoError(t, os.MkdirAll(directory, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(directory, "tcpledger.xml"), users, 0o644))
	started := clickhousetest.StartAt(t, options)
	return server{native: started.Addr(), http: started.HTTPAddr()}
}

// inClear lets the password go over this machine's loopback without TLS.
const inClear = "TCPLEDGER_CLICKHOUSE_ALLOW_PLAINTEXT_PASSWORD=true"

var passwords = map[string]string{"tcpledger": "one", "reader": "two"}

// ask runs a statement as a user and returns the answer, or the server's error.
func (s server) ask(t *testing.T, user, statement string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.http+"/?"+url.Values{"default_format": {"TSV"}}.Encode(), strings.NewReader(statement))
	require.NoError(t, err)
	request.Header.Set("X-ClickHouse-User", user)
	request.Header.Set("X-ClickHouse-Key", passwords[user])
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, strings.TrimSpace(string(body))
}

func TestClickHouseUsers(t *testing.T) {
	s := startServer(t)

	// The owner makes all the tables, as the service "migrate" does, and may do nothing outside them.
	migrate := exec.CommandContext(t.Context(), program(t, "tcpledger"), "migrate", "--apply")
	migrate.Env = append(os.Environ(), "TCPLEDGER_CLICKHOUSE="+s.native, "TCPLEDGER_CLICKHOUSE_USER=tcpledger", inClear)
	out, err := migrate.CombinedOutput()
	require.NoError(t, err, string(out))
	_, answer := s.ask(t, "tcpledger", "CREATE DATABASE elsewhere")
	require.Contains(t, answer, "ACCESS_DENIED")

	// The reader sees each record once and changes nothing.
	code, answer := s.ask(t, "reader", "SELECT count() FROM tcpledger.connections")
	require.Equal(t, http.StatusOK, code, answer)
	require.Equal(t, "0", answer)
	code, answer = s.ask(t, "reader", `SELECT name, value FROM system.settings WHERE name IN
		('final', 'do_not_merge_across_partitions_select_final', 'use_skip_indexes_if_final_exact_mode', 'readonly') ORDER BY name`)
	require.Equal(t, http.StatusOK, code, answer)
	require.Equal(t, "do_not_merge_across_partitions_select_final\t1\nfinal\t1\nreadonly\t2\nuse_skip_indexes_if_final_exact_mode\t0", answer)
	for _, statement := range []string{"TRUNCATE TABLE tcpledger.connections", "DROP DATABASE tcpledger", "CREATE TABLE tcpledger.x (a UInt8) ENGINE = Memory"} {
		_, answer = s.ask(t, "reader", statement)
		require.Contains(t, answer, "ACCESS_DENIED", statement)
	}
	report := exec.CommandContext(t.Context(), program(t, "tcpledger"), "postmortem", "--from=-1h", "--to=now")
	report.Env = append(os.Environ(), "TCPLEDGER_CLICKHOUSE="+s.native, "TCPLEDGER_CLICKHOUSE_USER=reader", "TCPLEDGER_CLICKHOUSE_PASSWORD="+passwords["reader"], inClear)
	out, err = report.CombinedOutput()
	require.NoError(t, err, string(out))
	_, tables := s.ask(t, "tcpledger", "SELECT name FROM system.tables WHERE database = 'tcpledger' AND engine != 'View'")
	require.Contains(t, tables, "connections")
	for name := range strings.Lines(tables) {
		code, answer = s.ask(t, "reader", "SELECT * FROM tcpledger."+strings.TrimSpace(name)+" LIMIT 1")
		require.Equal(t, http.StatusOK, code, answer)
	}
	code, answer = s.ask(t, "reader", "SELECT dictGet('tcpledger.stack', 'fp', toUInt64(1))")
	require.Equal(t, http.StatusOK, code, answer)

	_, answer = s.ask(t, "nobody", "SELECT 1")
	require.Contains(t, answer, "AUTHENTICATION_FAILED")
}
