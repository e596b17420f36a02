// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/test/tables"
)

// makeLogs makes a table of log lines as the Collector's exporter does.
func makeLogs(t *testing.T, db *clickhouse.DB) {
	t.Helper()
	require.NoError(t, db.Exec(t.Context(), "CREATE TABLE "+db.Name+`.otel_logs (Timestamp DateTime64(9), TraceId String, SpanId String, SeverityText LowCardinality(String),
		SeverityNumber UInt8, ServiceName LowCardinality(String), Body String, ResourceAttributes Map(LowCardinality(String), String),
		LogAttributes Map(LowCardinality(String), String)) ENGINE = MergeTree ORDER BY Timestamp`))
}

// An error in a business log stands beside the ending that it speaks of.
func TestLogLines(t *testing.T) {
	ch, db := tables.Start(t)
	tables.Fill(t, db)
	makeLogs(t, db)
	window := []string{"--from", "2026-11-02 14:00", "--to", "2026-11-02 14:05"}
	_, out, _ := run(t, ch, window...)
	require.Contains(t, out, "no table otel_traces: nothing is known from there")
	require.Contains(t, out, "no error in the logs of this window")
	tables.Exec(t, db, `INSERT INTO otel_logs VALUES ('2026-11-02 14:03:30.000100', '', '', 'ERROR', 17, 'checkout', 'cache: connection refused', {'host.name': 'web-1'}, {'client.address': '10.0.0.1', 'client.port': '41000', 'server.address': '10.0.0.8', 'server.port': '6379'});
INSERT INTO otel_logs VALUES ('2026-11-02 14:00:30', '', '', 'ERROR', 17, 'checkout', 'card declined', {'host.name': 'web-9'}, {})`)
	code, out, errs := run(t, ch, window...)
	require.Zero(t, code, errs)
	require.Regexp(t, `(?m)^2026-11-02 14:03:30 UTC  checkout  cache: connection refused  ends +1  100 µs after  web-1 +refused$`, out)
	require.Regexp(t, `(?m)^2026-11-02 14:00:30 UTC  checkout  card declined +·$`, out)
	code, out, errs = run(t, ch, append(window, "--otel-logs", "", "--otel-traces", "")...)
	require.Zero(t, code, errs)
	require.NotContains(t, out, "LOG LINES")
	code, _, errs = run(t, ch, append(window, "--otel-logs", "a; DROP TABLE x")...)
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--otel-logs and --otel-traces: ")
}
