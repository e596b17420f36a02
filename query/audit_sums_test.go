// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
	"tcpledger/test/tables"
)

// An audit of a day counts whole hours by their numbers, and says what an audit of the rows says: also when rows were deleted, doubled
// or replayed since the hours were computed, and when numbers are missing from the beginning.
func TestAuditBySumsSaysWhatTheRowsSay(t *testing.T) {
	_, db := tables.Make(t, startEngine(t), "numbers")
	s := &summed{db, "numbers", evening.Truncate(24 * time.Hour)}
	day := s.day.Format(time.DateTime)
	s.exec(t, `INSERT INTO {db}.connections (closed_at, host, boot_id, session, stream, seq, conn, received_at)
		SELECT toDateTime64('`+day+`', 6, 'UTC') + number * 2.7 AS at, concat('web-', toString(number % 3)), toUUID('00000000-0000-4000-8000-000000000001'), number % 3, 4 * (number % 2), intDiv(number, 6) AS n, number, now64(6)
		FROM numbers(31998) WHERE n % 5 != 1 AND n != 777`)
	s.exec(t, `INSERT INTO {db}.events (at, kind, host, boot_id, session, stream, seq, received_at)
		SELECT toDateTime64('`+day+`', 6, 'UTC') + number * 2.7 AS at, 'drop', concat('web-', toString(number % 3)), toUUID('00000000-0000-4000-8000-000000000001'), number % 3, 4 * (number % 2), intDiv(number, 6) AS n, now64(6)
		FROM numbers(31998) WHERE n % 5 = 1`)
	s.exec(t, `INSERT INTO {db}.checkpoints (at, host, boot_id, session, run, phase, streams, next_seqs, received_at)
		SELECT toDateTime64('`+day+`', 6, 'UTC') + 86400.5, concat('web-', toString(number)), toUUID('00000000-0000-4000-8000-000000000001'), number, 1, 'periodic', [0, 4], [5333, 5333], now64(6) FROM numbers(3)`)
	for range 9 { // three hours each
		for _, verb := range []string{"CANCEL", "REFRESH", "WAIT"} {
			s.exec(t, "SYSTEM "+verb+" VIEW {db}.numbers_1h_refresh")
		}
	}
	for _, sql := range []string{ // as if they had been computed yesterday
		"SYSTEM STOP VIEWS",
		"CREATE TABLE {db}.noted ENGINE = Memory AS SELECT source, bucket, at - INTERVAL 1 DAY AS at FROM {db}.touched",
		"TRUNCATE TABLE {db}.touched",
		"INSERT INTO {db}.touched SELECT * FROM {db}.noted",
	} {
		s.exec(t, sql)
	}
	client := query.New(db, "numbers", time.Minute)
	audit := func(c *query.Client) *query.Audit {
		a, err := c.Audit(t.Context(), query.Window{From: s.day, To: s.day.Add(24 * time.Hour)}, query.Filter{}, query.AuditOptions{Now: evening})
		require.NoError(t, err)
		return a
	}
	same := func(hours int, what string) *query.Audit {
		want, got := audit(client.FromRows()), audit(client)
		require.Zero(t, want.Summed)
		require.Equal(t, hours, got.Summed, what)
		got.Summed = 0
		require.Equal(t, want, got, what)
		return got
	}
	complete := same(24, "as it was")
	require.Equal(t, query.Incomplete, complete.Verdict)
	require.EqualValues(t, 6, complete.Total.Missing, "number 777 of six streams")

	s.exec(t, "INSERT INTO {db}.connections (closed_at, host, boot_id, session, stream, seq, conn, received_at) SELECT closed_at, host, boot_id, session, stream, seq, conn, received_at FROM {db}.connections WHERE closed_at < '"+day+"'::DateTime64(6, 'UTC') + INTERVAL 90 MINUTE")
	s.exec(t, "TRUNCATE TABLE {db}.touched") // even if nobody noted it
	replayed := same(22, "a replay of two hours")
	require.NotZero(t, replayed.Total.Replayed)
	s.exec(t, "OPTIMIZE TABLE {db}.connections FINAL")
	same(24, "a replay that a merge dropped")

	s.exec(t, "ALTER TABLE {db}.connections DELETE WHERE seq = 2000 AND session = 1 SETTINGS mutations_sync = 1")
	deleted := same(23, "two rows deleted")
	require.EqualValues(t, 8, deleted.Total.Missing)

	again := func(of, as string) {
		s.exec(t, "INSERT INTO {db}.connections (closed_at, host, boot_id, session, stream, seq, conn, received_at) SELECT closed_at, host, boot_id, session, stream, "+as+", conn, received_at FROM {db}.connections AS r WHERE r.seq = "+of+" AND session = 1 AND stream = 4")
	}
	s.exec(t, "ALTER TABLE {db}.connections DELETE WHERE seq = 3000 AND session = 1 AND stream = 4 SETTINGS mutations_sync = 1")
	again("3002", "3004")
	forged := same(22, "one row deleted and another forged in its hour")
	require.EqualValues(t, 9, forged.Total.Missing)
	require.EqualValues(t, 1, forged.Total.Twice)

	again("3002", "4000")
	doubled := same(0, "a number in two hours")
	require.EqualValues(t, 2, doubled.Total.Twice)
}
