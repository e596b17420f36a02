// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
	"tcpledger/test/tables"
)

// An audit that takes promises from the sums of hours says what an audit of each checkpoint says: whatever the window cuts, and also when
// checkpoints were replayed, deleted, forged or came late since.
func TestAuditByPromisesSaysWhatTheCheckpointsSay(t *testing.T) {
	_, db := tables.Make(t, startEngine(t), "promises")
	s := &summed{db, "promises", evening.Truncate(24 * time.Hour)}
	day := s.day.Format(time.DateTime)
	// Every 100 seconds of 40 hours from the day before on, on three hosts; web-2 uses a third stream from hour 30 on.
	checkpoints := `INSERT INTO {db}.checkpoints (at, host, boot_id, session, run, phase, streams, next_seqs, received_at)
		SELECT toDateTime64('` + day + `', 6, 'UTC') - 36000 + intDiv(number, 3) * 100 AS at, concat('web-', toString(number % 3)), toUUID('00000000-0000-4000-8000-000000000001'), number % 3, 1, 'periodic',
			if(number % 3 = 2 AND intDiv(number, 3) > 1080, [0, 4, 8], [0, 4]) AS streams, arrayResize([toUInt64(intDiv(number, 3)), intDiv(number, 6), number], length(streams)), now64(6)
		FROM numbers(4320)`
	s.exec(t, checkpoints)
	s.exec(t, `INSERT INTO {db}.connections (closed_at, host, boot_id, session, stream, seq, conn, received_at)
		SELECT toDateTime64('`+day+`', 6, 'UTC') - 36000 + intDiv(number, 3) * 100 + 1, concat('web-', toString(number % 3)), toUUID('00000000-0000-4000-8000-000000000001'), number % 3, 0, intDiv(number, 3) AS n, number, now64(6)
		FROM numbers(4320) WHERE n % 100 != 7`)
	for range 14 { // three hours each
		for _, verb := range []string{"CANCEL", "REFRESH", "WAIT"} {
			s.exec(t, "SYSTEM "+verb+" VIEW {db}.promises_1h_refresh")
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
	client := query.New(db, "promises", time.Minute)
	same := func(what string, hours int) {
		for _, w := range []query.Window{
			{From: s.day, To: s.day.Add(24 * time.Hour)},
			{From: s.day.Add(90 * time.Minute), To: s.day.Add(10*time.Hour + 30*time.Minute)},
			{From: s.day.Add(3*time.Hour + 7*time.Second), To: s.day.Add(3*time.Hour + 20*time.Minute)},
			{From: s.day.Add(-30 * time.Hour), To: s.day.Add(2 * time.Hour)},
		} {
			var asked []query.Question
			ctx := query.WithTrace(t.Context(), func(q query.Question) { asked = append(asked, q) })
			got, err := client.Audit(ctx, w, query.Filter{}, query.AuditOptions{Now: evening})
			require.NoError(t, err)
			want, err := client.FromRows().Audit(t.Context(), w, query.Filter{}, query.AuditOptions{Now: evening})
			require.NoError(t, err)
			got.Summed = 0
			require.Equal(t, want, got, "%s, %s", what, w.From)
			require.NotEmpty(t, got.Sessions)
			if w.From.Equal(s.day) {
				require.Equal(t, hours, strings.Count(asked[len(asked)-1].Parameters["promised"], ":")/2, what)
			}
		}
	}
	same("as they were", 40)

	s.exec(t, checkpoints)
	s.exec(t, "TRUNCATE TABLE {db}.touched") // even if nobody noted it
	same("a replay", 40)

	s.exec(t, "ALTER TABLE {db}.checkpoints DELETE WHERE at = '"+day+"'::DateTime64(6, 'UTC') + INTERVAL 5 HOUR SETTINGS mutations_sync = 1")
	same("a checkpoint of each host deleted", 39)

	s.exec(t, `INSERT INTO {db}.checkpoints (at, host, boot_id, session, run, phase, streams, next_seqs, received_at)
		VALUES (toDateTime64('`+day+`', 6, 'UTC') + 7201, 'web-1', '00000000-0000-4000-8000-000000000001', 1, 1, 'periodic', [0, 4], [5000, 5000], now64(6)),
			(toDateTime64('`+day+`', 6, 'UTC') + 86401, 'web-0', '00000000-0000-4000-8000-000000000001', 0, 1, 'periodic', [0], [3], now64(6))`)
	s.exec(t, "TRUNCATE TABLE {db}.touched")
	same("a forged and a late checkpoint", 37)
}
