// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
	"tcpledger/query"
	"tcpledger/schema"
	"tcpledger/test/tables"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// run runs a command as a person does and returns its exit code and what it wrote.
func run(t *testing.T, ch clickhouse.Flags, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	root := program.Command("tcpledger", "", "")
	root.AddCommand(Command(), ExplainCommand())
	root.SetArgs(append(args, "--clickhouse", ch.Addr))
	var out, errs bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&errs)
	code = program.Main(root)
	return code, out.String(), errs.String()
}

// rows are both ends of a connection that its server closed with data unread, through an address that is translated, and an ending
// whose other end is not known.
const rows = `INSERT INTO connections (closed_at, duration_us, host, boot_id, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, cause, initiator, error, reset, bytes_sent, bytes_received, bytes_unread, owner_pid, owner_comm, owner_how, clock_error_us, received_at) VALUES
('2026-11-02 14:01:00.0002', 10000000, 'web-1', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', 7, 4, 1, 1, '10.0.0.1', 40001, '10.96.0.5', 5432, 5432, 'client', 'peer_reset', 'peer', 'ECONNRESET', 'received', 1500, 0, 0, 321, 'api', 'connect', 100, now64(6)),
('2026-11-02 14:01:00', 10000000, 'db-1', '61f0c404-5cb3-11e7-907b-a6006ad3dba1', 8, 4, 1, 1, '10.0.0.5', 5432, '10.0.0.1', 40001, 5432, 'server', 'close_unread_data', 'local', '', 'sent', 0, 800, 700, 55, 'postgres', 'read', 100, now64(6)),
('2026-11-02 14:02:00', 10000000, 'web-1', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', 7, 4, 2, 2, '10.0.0.1', 40002, '10.0.0.9', 80, 80, 'client', 'retransmit_timeout', 'kernel', 'ETIMEDOUT', 'none', 1500, 0, 0, 321, 'api', 'connect', 100, now64(6))`

// lineTables are a table of lines with an error that names the connection, one that nothing explains, and one with hostile bytes.
const lineTables = `CREATE TABLE tcpledger.otel_logs (Timestamp DateTime64(9), TraceId String, SpanId String, SeverityText String, SeverityNumber UInt8, ServiceName String, Body String,
	ResourceAttributes Map(String, String), LogAttributes Map(String, String)) ENGINE = MergeTree ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp);
INSERT INTO tcpledger.otel_logs VALUES
('2026-11-02 14:01:00.0015', '0af7651916cd43dd8448eb211c80319c', '', 'ERROR', 17, 'checkout', 'payment failed: connection reset by peer', map('host.name', 'web-1', 'process.pid', '321'), map('network.local.address', '10.0.0.1', 'network.local.port', '40001', 'order.id', 'order-1234')),
('2026-11-02 14:04:00', '', '', 'ERROR', 17, 'checkout', 'no such coupon', map('host.name', 'web-9'), map('order.id', 'order-99')),
('2026-11-02 14:02:00.5', '', '', 'ERROR', 17, 'evil` + "\\x1b[31m" + `', '` + "\\x1b]0;owned\\x07 <script>\\r\\n\\u202e" + `order-666', map('host.name', 'web-1', 'process.pid', '321'), map())`

func prepare(t *testing.T, lines bool) (clickhouse.Flags, *clickhouse.DB) {
	t.Helper()
	ch, db := tables.Start(t)
	tables.Exec(t, db, rows)
	if lines {
		for _, statement := range strings.Split(lineTables, ";\n") {
			require.NoError(t, db.Exec(t.Context(), statement), statement)
		}
	}
	return ch, db
}

var tenMinutes = []string{"--from", "2026-11-02 14:00 UTC", "--to", "2026-11-02 14:10 UTC"}

func TestCommands(t *testing.T) {
	ch, db := prepare(t, true)
	for name, check := range map[string]func(*testing.T, clickhouse.Flags, *clickhouse.DB){
		"explain": checkExplain, "explain in JSON": checkExplainInJSON, "hostile lines": checkHostileLines, "logs": checkLogs, "storms": checkStorms,
	} {
		t.Run(name, func(t *testing.T) { check(t, ch, db) })
	}
}

func checkExplain(t *testing.T, ch clickhouse.Flags, db *clickhouse.DB) {
	const connection = `At 14:01:00.001500 checkout said “payment failed: connection reset by peer”; it names the connection's ends, 1.3 ms after its end.
web-1, api (pid 321), had a connection from 10.0.0.1:40001 to 10.96.0.5:5432 (it was the client). It began at 14:00:50.000200 and lived 10 s; web-1 sent 1.5 KiB and received 0 B.
At 14:01:00.000200 web-1 received a reset (peer_reset, ECONNRESET).
Its other end, postgres (pid 55) on db-1, closed it with data unread, which makes the kernel send a reset (close_unread_data, reset sent, 700 B unread) at 14:01:00.000000.
The two ends see different addresses: something between them translates.
The server on db-1 moved first. Seen from web-1, the other end reset this one.
`
	for _, asked := range []string{"order-1234", "0af7651916cd43dd8448eb211c80319c", "payment failed: connection reset", "2026/11/02 14:01:00 ERROR payment failed: connection reset by peer",
		"10.0.0.1:40001 -> 10.96.0.5:5432", "10.0.0.1.40001 > 10.0.0.5.5432"} {
		code, out, errs := run(t, ch, append([]string{"explain", asked}, tenMinutes...)...)
		require.Zero(t, code, errs)
		if strings.Contains(asked, "10.0.0.5") { // told from the server's end
			require.Contains(t, out, "Its other end, api (pid 321) on web-1, received a reset (peer_reset, ECONNRESET) at 14:01:00.000200.\n", asked)
			continue
		}
		require.Contains(t, out, connection, asked)
	}

	_, out, _ := run(t, ch, append([]string{"explain", "order-1234"}, tenMinutes...)...)
	require.Contains(t, out, "“order-1234”: 1 line of checkout.\n")
	require.Regexp(t, `(?m)^db-1 +14:01:00.000000 +close_unread_data +local +sent +10.0.0.5:5432 +10.0.0.1:40001 +8 +4 +1$`, out)
	_, sql, _ := strings.Cut(out, "THE ROWS\n")
	found, err := db.Query(t.Context(), strings.TrimSuffix(strings.TrimSpace(sql), ";"))
	require.NoError(t, err)
	require.True(t, found.Next(), "the SQL of the rows runs")
	require.NoError(t, found.Close())

	_, out, _ = run(t, ch, append([]string{"explain", "order-99"}, tenMinutes...)...)
	require.Contains(t, out, "“order-99”: 1 line of checkout. No connection is known to be behind it.")
	require.Contains(t, out, "said “no such coupon”; no ending fits.")

	_, out, _ = run(t, ch, append([]string{"explain", "read tcp 10.0.0.1:40002->10.0.0.9:80: i/o timeout"}, tenMinutes...)...)
	require.Contains(t, out, "It names 10.0.0.1:40002 and 10.0.0.9:80: 1 connection ended there.")
	require.Contains(t, out, "web-1 sent data again until the kernel gave up (retransmit_timeout, ETIMEDOUT).\nThe other end is none of ours, or has another address here. No application: the kernel moved first, as web-1 saw it.")
}

func checkExplainInJSON(t *testing.T, ch clickhouse.Flags, _ *clickhouse.DB) {
	code, out, errs := run(t, ch, append([]string{"explain", "order-1234", "--format", "json"}, tenMinutes...)...)
	require.Zero(t, code, errs)
	var told explained
	require.NoError(t, json.Unmarshal([]byte(out), &told))
	require.Equal(t, "close_unread_data", told.Threads[0].Other.Cause)
	require.Equal(t, query.ByClientAddress, told.Threads[0].FoundBy)
	require.Equal(t, query.FirstOther, told.Threads[0].First)
	require.Equal(t, int64(1300), told.Lines[0].OffUS)
	require.NotEmpty(t, told.SQL)
}

// What a log says never reaches the terminal as more than text.
func checkHostileLines(t *testing.T, ch clickhouse.Flags, _ *clickhouse.DB) {
	for _, args := range [][]string{{"explain", "order-666", "--sql"}, {"explain", "\x1b[31morder-666\x07"}, {"logs", "--lines", "10", "--sql"}} {
		code, out, errs := run(t, ch, append(args, tenMinutes...)...)
		require.Zero(t, code, errs)
		for _, r := range out {
			require.True(t, r == '\n' || unicode.IsPrint(r), "%v: %q", args, r)
		}
	}
}

func checkLogs(t *testing.T, ch clickhouse.Flags, db *clickhouse.DB) {
	code, out, errs := run(t, ch, append([]string{"logs", "--lines", "10"}, tenMinutes...)...)
	require.Zero(t, code, errs)
	require.Contains(t, out, "no table otel_traces: nothing is known from there")
	require.Regexp(t, `(?m)^checkout +2 +1 +· +1 +ends 1$`, out)
	require.Regexp(t, `(?m)^checkout +2 +1 +· +1 +no such coupon$`, out)
	require.Regexp(t, `(?m)^api +5432 +1 +1 +· +· +100.0 %$`, out)
	require.Regexp(t, `(?m)^14:01:00.001500 +checkout +payment failed.* +web-1 +peer_reset +10.0.0.1:40001 +10.96.0.5:5432$`, out)

	code, out, errs = run(t, ch, "logs", "--make-views")
	require.Zero(t, code, errs)
	for view, want := range map[string]uint64{"lines_connections": 3, "connections_lines": 3, "lines_mentioned": 3, "lines_explained": 2} {
		require.Contains(t, out, view+": ")
		var n uint64
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count() FROM tcpledger."+view+"(from = '2026-11-02 14:00:00', to = '2026-11-02 14:10:00')").Scan(&n))
		require.Equal(t, want, n, view)
	}
}

// Of two storms a line mentions one.
func checkStorms(t *testing.T, ch clickhouse.Flags, db *clickhouse.DB) {
	tables.Exec(t, db, `INSERT INTO connections (closed_at, host, session, stream, seq, conn, local_ip, remote_ip, service_port, role, cause, initiator, owner_comm, received_at) VALUES
('2026-11-02 14:20:30', 'web-1', 7, 4, 9, 9, '10.0.0.1', '10.0.0.7', 6379, 'client', 'refused', 'peer', 'curl', now64(6));
INSERT INTO storms (what, began, ended, records, made_at) VALUES ('refused', '2026-11-02 14:20:00', '2026-11-02 14:21:00', 20, now()), ('retransmit_timeout', '2026-11-02 14:02:00', '2026-11-02 14:03:00', 30, now());
INSERT INTO storm_factors (what, began, factors) VALUES ('refused', '2026-11-02 14:20:00', [('port', '6379', 20, 1, 0, 1)]), ('retransmit_timeout', '2026-11-02 14:02:00', [('port', '80', 30, 1, 0, 1)])`)
	code, out, errs := run(t, ch, "logs", "--from", "2026-11-02 14:00 UTC", "--to", "2026-11-02 14:30 UTC")
	require.Zero(t, code, errs)
	require.Regexp(t, `(?m)^2026-11-02 14:20:00 UTC +refused +port 6379 +1 +· +no line mentions it$`, out)
	require.Regexp(t, `(?m)^2026-11-02 14:02:00 UTC +retransmit_timeout +port 80 +1 +1`, out)
}

func TestWithoutLines(t *testing.T) {
	ch, _ := prepare(t, false)
	code, out, errs := run(t, ch, append([]string{"explain", "10.0.0.1:40002"}, tenMinutes...)...)
	require.Zero(t, code, errs)
	require.Equal(t, 1, strings.Count(out, "no table otel_logs and no table otel_traces"))
	require.Contains(t, out, "1 connection ended with 10.0.0.1:40002.")
	code, out, _ = run(t, ch, append([]string{"logs"}, tenMinutes...)...)
	require.Zero(t, code)
	require.Contains(t, out, "no lines and no spans in the window")
	code, _, errs = run(t, ch, "logs", "--make-views")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "no view is made: no table otel_logs")

	for _, bad := range [][]string{{"explain", " "}, {"explain"}, {"explain", "x", "--from", "never"}, {"logs", "--near", "0s"}, {"logs", "--otel-logs", "a b"}} {
		code, _, _ = run(t, ch, bad...)
		require.NotZero(t, code, bad)
	}
	code, _, errs = run(t, clickhouse.Flags{Addr: "127.0.0.1:1"}, "logs")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "no ClickHouse answers at --clickhouse 127.0.0.1:1")
}

func TestEveryCauseIsSaid(t *testing.T) {
	for _, cause := range schema.Causes() {
		require.NotEmpty(t, causes[cause], cause)
	}
	require.Len(t, causes, len(schema.Causes()))
}
