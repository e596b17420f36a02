// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/tables"
)

// A window whose rows aged out is answered from the rollups, and the report says what it can no longer show. That is no failure.
func TestAWindowOlderThanTheRows(t *testing.T) {
	ch, db := tables.Start(t)
	tables.Exec(t, db, `INSERT INTO connections (closed_at, host, session, stream, seq, conn, cause, initiator, reset, role, service_port, owner_comm, weight, received_at)
SELECT toDateTime64('2026-03-02 14:00:00', 6, 'UTC') + number, concat('h-', toString(number % 3)), 1, 1, number, number, 'peer_reset', 'peer', 'received', 'server', 443, 'api', 1, now64(6) FROM numbers(300)`)
	for _, rollup := range schema.Rollups() {
		for range 2 {
			for _, verb := range []string{"CANCEL", "REFRESH", "WAIT"} {
				tables.Exec(t, db, "SYSTEM "+verb+" VIEW tcpledger."+rollup.Name+"_refresh")
			}
		}
	}
	// A day later: the sums are younger than the notes, and ClickHouse drops the rows.
	for _, sql := range []string{
		"SYSTEM STOP VIEWS",
		"CREATE TABLE tcpledger.noted ENGINE = Memory AS SELECT source, bucket, at - INTERVAL 1 DAY AS at FROM tcpledger.touched",
		"TRUNCATE TABLE tcpledger.touched",
		"INSERT INTO tcpledger.touched SELECT * FROM tcpledger.noted",
		"ALTER TABLE tcpledger.connections DROP PARTITION '20260302'",
	} {
		require.NoError(t, db.Exec(t.Context(), sql), sql)
	}
	code, out, errs := run(t, ch, "--from", "2026-03-02 14:00", "--to", "2026-03-02 14:05")
	require.Zero(t, code, errs)
	require.Regexp(t, `(?m)^peer_reset +300 `, out, "causes are still known")
	require.Regexp(t, `(?m)^our port 443 +300 `, out)
	require.Contains(t, out, "\nBY REMOTE  no longer known: rows of connections that this needs have aged out")
	require.Contains(t, out, "\nFAILED CONNECTS  no longer known: ")
	require.Contains(t, out, "\nNOT KNOWN  no longer known: ")
	require.Contains(t, out, "\nSUMS  read from closes_1m, causes_1m")
	_, out, _ = run(t, ch, "--from", "2026-03-02 14:00", "--to", "2026-03-02 14:05", "--format", "json")
	require.Contains(t, out, `"failed_connects": null`)
	require.NotContains(t, out, `"failed"`)
}
