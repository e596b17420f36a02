// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
)

func migrated(t *testing.T) *DB {
	t.Helper()
	addr, _ := clickhousetest.Start(t)
	db := open(t, addr)
	require.NoError(t, db.Migrate(t.Context(), nil))
	return db
}

func exec(t *testing.T, db *DB, statement string) {
	t.Helper()
	require.NoError(t, db.Exec(t.Context(), statement), statement)
}

// lines joins what a query answers: columns by spaces, rows by line ends.
func lines(t *testing.T, db *DB, query string) string {
	t.Helper()
	rows, err := db.Query(t.Context(), "SELECT replaceAll(formatRowNoNewline('TSV', *), '\t', ' ') FROM ("+query+")")
	require.NoError(t, err, query)
	var out []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		out = append(out, line)
	}
	require.NoError(t, rows.Err(), query)
	require.NoError(t, rows.Close())
	return strings.Join(out, "\n")
}

// A filter of five minutes on the time reads those five minutes, although the raw time is not in the primary key.
func TestFiveMinutesPrune(t *testing.T) {
	db := migrated(t)
	const hours, hosts, perMinute = 6, 20, 60
	for table, at := range map[string]string{"connections": "closed_at", "events": "at"} {
		exec(t, db, fmt.Sprintf(`INSERT INTO tcpledger.%s (%s, host, boot_id, session, stream, seq, cgroup_id, received_at)
			SELECT toDateTime64('2026-03-04 00:00:00', 6, 'UTC') + intDiv(number, %d) / 1e6 * 60e6 / %d, 'host-' || toString(number %% %d), generateUUIDv4(1), 1, 0, number, number %% 7, now64(6)
			FROM numbers(%d)`, table, at, hosts, perMinute, hosts, hours*60*perMinute*hosts))
		var total uint64
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count() FROM tcpledger."+table).Scan(&total))
		require.Equal(t, uint64(hours*60*perMinute*hosts), total)
		filter := fmt.Sprintf("SELECT count(), sum(seq) FROM tcpledger.%s WHERE %s >= '2026-03-04 03:10:00' AND %s < '2026-03-04 03:15:00'", table, at, at)
		selected, all := granules(t, db, filter)
		t.Logf("%s: %d of %d granules", table, selected, all)
		require.Greater(t, all, 50)
		require.LessOrEqual(t, selected, 4, table)
	}
}

var granuleLine = regexp.MustCompile(`Granules: (\d+)/(\d+)`)

// granules reads what the indexes leave to read, of how much.
func granules(t *testing.T, db *DB, query string) (selected, all int) {
	t.Helper()
	rows, err := db.Query(t.Context(), "EXPLAIN indexes = 1 "+query)
	require.NoError(t, err)
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		if found := granuleLine.FindStringSubmatch(line); found != nil {
			selected, err = strconv.Atoi(found[1])
			require.NoError(t, err)
			of, err := strconv.Atoi(found[2])
			require.NoError(t, err)
			all = max(all, of)
		}
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	return selected, all
}

// Numbered losses by their ranges, what was never numbered as the difference of totals that only grow.
func TestLossesOfAWindow(t *testing.T) {
	db := migrated(t)
	exec(t, db, `INSERT INTO tcpledger.loss (at, host, session, stream, seq_from, seq_to, cause, received_at) SELECT * FROM VALUES(
		'at DateTime64(6), host String, session UInt64, stream UInt32, a UInt64, b UInt64, cause String, r DateTime64(6)',
		('2026-03-04 10:10:00', 'h', 1, 3, 5, 9, 'ring_full', now64(6)), ('2026-03-04 10:16:00', 'h', 1, 3, 10, 99, 'ring_full', now64(6)))`)
	exec(t, db, "INSERT INTO tcpledger.loss SELECT * FROM tcpledger.loss") // replayed
	exec(t, db, `INSERT INTO tcpledger.checkpoints (at, host, session, phase, totals, received_at) SELECT * FROM VALUES(
		'at DateTime64(6), host String, session UInt64, phase String, totals Map(String, UInt64), r DateTime64(6)',
		('2026-03-04 09:59:00', 'h', 1, 'periodic', map('own_connection', 5), now64(6)),
		('2026-03-04 10:10:00', 'h', 1, 'periodic', map('own_connection', 9, 'over_budget_drop', 2), now64(6)),
		('2026-03-04 10:20:00', 'h', 1, 'periodic', map('own_connection', 10, 'over_budget_drop', 2), now64(6)),
		('2026-03-04 10:12:00', 'began', 2, 'start', map('own_connection', 1), now64(6)),
		('2026-03-04 10:12:00', 'was away', 3, 'takeover', map('own_connection', 100), now64(6)),
		('2026-03-04 10:13:00', 'was away', 3, 'periodic', map('own_connection', 101), now64(6)),
		('2026-03-04 10:13:00', 'quiet', 4, 'periodic', map('own_connection', 7), now64(6)))`)
	got := lines(t, db, "SELECT * FROM tcpledger.losses(from = '2026-03-04 10:00:00', to = '2026-03-04 10:15:00') ORDER BY ALL")
	require.Equal(t, "began unnumbered own_connection 1\nh numbered ring_full 5\nh unnumbered over_budget_drop 2\nh unnumbered own_connection 5\nwas away unnumbered own_connection 1", got)
}

// The row with the most resolved frames stays, also when another host sends the stack again.
func TestTheBestResolvedStackStays(t *testing.T) {
	db := migrated(t)
	row := "INSERT INTO tcpledger.stacks (stack_id, fp, frames_resolved, symbols, modules, received_at) SELECT 7, %d, %d, ['%s'], ['kernel'], now64(6)"
	exec(t, db, fmt.Sprintf(row, 0, 0, "0x1"))
	exec(t, db, fmt.Sprintf(row, 5, 1, "tcp_reset+0x1"))
	exec(t, db, fmt.Sprintf(row, 0, 0, "0x1"))
	require.Equal(t, `['tcp_reset+0x1'] 5`, lines(t, db, "SELECT symbols, fp FROM tcpledger.stacks"))
}

// opened_at follows from the duration; it is NULL if the beginning is unknown.
func TestOpenedAt(t *testing.T) {
	db := migrated(t)
	exec(t, db, `INSERT INTO tcpledger.connections (closed_at, duration_us, host, stream, received_at) SELECT toDateTime64('2026-03-04 10:10:00', 6, 'UTC'), 1500001, 'a', 9, now64(6)`)
	exec(t, db, `INSERT INTO tcpledger.connections (closed_at, duration_us, host, received_at) SELECT toDateTime64('2026-03-04 10:10:00', 6, 'UTC'), NULL, 'b', now64(6)`)
	require.Equal(t, "a 2026-03-04 10:09:58.499999 2\nb \\N 0", lines(t, db, "SELECT host, opened_at, cpu FROM tcpledger.connections ORDER BY host"))
}

// Identity makes inserts idempotent: read with FINAL, what came three times is there once.
func TestRowsThatComeAgainCountOnce(t *testing.T) {
	db := migrated(t)
	for _, table := range []string{"connections", "events", "loss", "checkpoints", "dead_letters"} {
		insert := "INSERT INTO tcpledger." + table + " (host, session, received_at) SELECT 'h', number, now64(6) FROM numbers(10)"
		if table == "dead_letters" {
			insert = "INSERT INTO tcpledger.dead_letters (offset, received_at) SELECT number, now64(6) FROM numbers(10)"
		}
		for range 3 {
			exec(t, db, insert)
		}
		require.Equal(t, "10", lines(t, db, "SELECT count() FROM tcpledger."+table+" FINAL"), table)
	}
}
