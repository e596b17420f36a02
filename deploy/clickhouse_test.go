// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
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
	"tcpledger/schema"
)

// server is a real ClickHouse that took clickhouse/users.xml the way the Compose file's server takes it: from users.d
// beside its own users.
type server struct{ native, http string }

func startServer(t *testing.T) server {
	t.Helper()
	options := clickhousetest.Options(t)
	users := read(t, "clickhouse/users.xml")
	for user, variable := range map[string]string{"tcpledger": "WRITER", "tcpledger_migrator": "MIGRATOR", "reader": "READER"} {
		from := `<password from_env="CLICKHOUSE_` + variable + `_PASSWORD"/>`
		require.Contains(t, users, from)
		users = strings.ReplaceAll(users, from, "<password>"+passwords[user]+"</password>") // the embedded engine has no environment
	}
	directory := filepath.Join(options.DataDir, "users.d")
	require.NoError(t, os.MkdirAll(directory, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(directory, "tcpledger.xml"), []byte(users), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(directory, "visitor.xml"), []byte(visitor), 0o644))
	started := clickhousetest.StartAt(t, options)
	return server{native: started.Addr(), http: started.HTTPAddr()}
}

// inClear lets the password go over this machine's loopback without TLS.
const inClear = "TCPLEDGER_CLICKHOUSE_ALLOW_PLAINTEXT_PASSWORD=true"

var passwords = map[string]string{"tcpledger": "secret-of-the-writer", "reader": "secret-of-the-reader",
	"tcpledger_migrator": "secret-of-the-migrator", "visitor": "secret-of-the-visitor"}

// visitor is a user as others make them for reading: readonly=1.
const visitor = `<clickhouse><profiles><visitor><readonly>1</readonly></visitor></profiles><users><visitor><password>secret-of-the-visitor</password>
	<networks><ip>::/0</ip></networks><profile>visitor</profile><quota>default</quota><grants><query>GRANT SELECT ON tcpledger.*</query></grants>
	</visitor></users></clickhouse>`

// as runs tcpledger as one of the server's users.
func (s server) as(t *testing.T, user string, arguments ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program(t, "tcpledger"), arguments...)
	command.Env = append(os.Environ(), "TCPLEDGER_CLICKHOUSE="+s.native, "TCPLEDGER_CLICKHOUSE_USER="+user, "TCPLEDGER_CLICKHOUSE_PASSWORD="+passwords[user], inClear)
	out, err := command.CombinedOutput()
	return string(out), err
}

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

	// The migrator makes all the tables, as the service "migrate" does, and may do nothing outside them.
	out, err := s.as(t, "tcpledger_migrator", "migrate", "--apply")
	require.NoError(t, err, out)
	s.denied(t, "tcpledger_migrator", "CREATE DATABASE elsewhere", "SELECT * FROM system.processes", "CREATE USER more",
		"SELECT * FROM file('/etc/passwd', 'LineAsString')", "SELECT * FROM url('http://127.0.0.1/', 'LineAsString')")

	out, err = s.as(t, "tcpledger_migrator", "rollups", "--mend")
	require.NoError(t, err, out)
	require.Contains(t, out, "no part is broken")

	// The writer stores and reads, and changes no table. That ingesters need no more: TestLeastGrants.
	code, answer := s.ask(t, "tcpledger", "INSERT INTO tcpledger.hosts (host) VALUES ('a')")
	require.Equal(t, http.StatusOK, code, answer)
	code, answer = s.ask(t, "tcpledger", "SELECT count() FROM system.detached_parts WHERE database = 'tcpledger'")
	require.Equal(t, http.StatusOK, code, answer)
	s.denied(t, "tcpledger", "TRUNCATE TABLE tcpledger.hosts", "ALTER TABLE tcpledger.hosts DELETE WHERE 1", "DROP TABLE tcpledger.hosts",
		"CREATE TABLE tcpledger.x (a UInt8) ENGINE = Memory", "SELECT * FROM system.processes", "SELECT * FROM file('/etc/passwd', 'LineAsString')")

	// The reader asks.
	out, err = s.as(t, "reader", "postmortem", "--from=-1h", "--to=now")
	require.NoError(t, err, out)
	_, tables := s.ask(t, "tcpledger", "SELECT name FROM system.tables WHERE database = 'tcpledger' AND engine != 'View'")
	require.Contains(t, tables, "connections")
	for name := range strings.Lines(tables) {
		code, answer = s.ask(t, "reader", "SELECT * FROM tcpledger."+strings.TrimSpace(name)+" LIMIT 1")
		require.Equal(t, http.StatusOK, code, answer)
	}
	s.denied(t, "reader", "INSERT INTO tcpledger.hosts (host) VALUES ('a')", "TRUNCATE TABLE tcpledger.connections", "DROP DATABASE tcpledger",
		"CREATE TABLE tcpledger.x (a UInt8) ENGINE = Memory", "SELECT * FROM file('/etc/passwd', 'LineAsString')",
		"SELECT * FROM system.processes", "SELECT * FROM system.users", "KILL QUERY WHERE 1")

	out, err = s.as(t, "reader", "sql", "--clickhouse-http", s.http, "SELECT count() AS endings FROM q_timeline(from = '2026-11-02 14:00:00', to = '2026-11-02 14:05:00')")
	require.NoError(t, err, out)
	require.Equal(t, "endings\n0\n", out)
	for _, completed := range []string{"tables", "columns", "functions"} {
		_, answer = s.ask(t, "reader", "SELECT count() > 0 FROM system."+completed)
		require.Equal(t, "1", answer, completed)
	}

	_, answer = s.ask(t, "nobody", "SELECT 1")
	require.Contains(t, answer, "AUTHENTICATION_FAILED")
}

// denied wants each statement refused to the user for want of a right.
func (s server) denied(t *testing.T, user string, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, answer := s.ask(t, user, statement)
		require.Contains(t, answer, "ACCESS_DENIED", "%s: %s", user, statement)
	}
}

// The profile of people who read has the settings that every question of ours sends.
func TestTheProfileCountsEachRecordOnce(t *testing.T) {
	users := read(t, "clickhouse/users.xml")
	for _, s := range schema.FinalSettings() {
		require.Contains(t, users, fmt.Sprintf("<%[1]s>%[2]d</%[1]s>", s.Name, s.Value))
	}
}

// The profile gives the reader each record once and bounds what one question may cost.
func TestClickHouseReaderIsBounded(t *testing.T) {
	s := startServer(t)
	code, answer := s.ask(t, "reader", `SELECT name, value FROM system.settings WHERE name IN
		('final', 'do_not_merge_across_partitions_select_final', 'max_execution_time', 'max_memory_usage', 'use_skip_indexes_if_final_exact_mode',
		'readonly') ORDER BY name`)
	require.Equal(t, http.StatusOK, code, answer)
	require.Equal(t, "do_not_merge_across_partitions_select_final\t1\nfinal\t1\nmax_execution_time\t300\nmax_memory_usage\t4000000000\nreadonly\t2\nuse_skip_indexes_if_final_exact_mode\t0", answer)
	for _, setting := range []string{"max_execution_time = 0", "max_execution_time = 301", "max_memory_usage = 0", "max_memory_usage = 5000000000",
		"max_concurrent_queries_for_user = 0"} {
		_, answer = s.ask(t, "reader", "SELECT 1 SETTINGS "+setting)
		require.Contains(t, answer, "SETTING_CONSTRAINT_VIOLATION", setting)
	}
	_, answer = s.ask(t, "reader", "SELECT groupArray(repeat('x', 1000)) FROM numbers(1000000) SETTINGS max_memory_usage = 100000000")
	require.Contains(t, answer, "MEMORY_LIMIT_EXCEEDED")
	code, answer = s.ask(t, "reader", "SELECT queries, max_queries > 0, max_execution_time > 0 FROM system.quota_usage LIMIT 1")
	require.Equal(t, http.StatusOK, code, answer)
	require.Contains(t, answer, "\t1\t1")
}

// A user with readonly=1 gets one line that names the profile to use.
func TestReadOnlyUserIsToldWhichProfileServes(t *testing.T) {
	s := startServer(t)
	out, err := s.as(t, "tcpledger_migrator", "migrate", "--apply")
	require.NoError(t, err, out)
	out, _ = s.as(t, "visitor", "postmortem", "--from=-1h", "--to=now")
	require.Contains(t, out, "readonly=2, as the profile tcpledger_reader of deploy/clickhouse/users.xml has it")
	require.NotContains(t, out, "164")
	out, _ = s.as(t, "visitor", "sql", "--clickhouse-http", s.http, "SELECT 1")
	require.Contains(t, out, "readonly=2, as the profile tcpledger_reader of deploy/clickhouse/users.xml has it")
}
