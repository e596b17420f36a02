// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
	"tcpledger/schema"
	"tcpledger/test/tables"
)

// Long windows are answered from rollups, and the answers are those of the rows: with edges within a minute, in hours that are
// computed, and in those that got rows since.
func TestSumsAnswerAsRowsDo(t *testing.T) {
	_, db := tables.Make(t, startEngine(t), "sums")
	day := evening.Truncate(24 * time.Hour)
	insert := func(from, n int) {
		require.NoError(t, db.Exec(t.Context(), fmt.Sprintf(`INSERT INTO sums.connections (closed_at, duration_us, host, session, seq, conn, remote_ip, service_port, role, cause, initiator, reset,
    bytes_sent, bytes_received, owner_comm, service, stack_id, weight, clock_off, received_at)
SELECT toDateTime64('%s', 6, 'UTC') + number * 7.3, if(number %% 5 = 0, NULL, 1 + number * 11), concat('host-', toString(number %% 3)), number %% 3, number, number, toIPv6(concat('10.0.0.', toString(number %% 4))), 80 + number %% 2,
    if(number %% 2 = 0, 'client', 'server'), ['local_close', 'peer_close', 'peer_reset'][1 + number %% 3], ['local', 'peer', 'kernel'][1 + number %% 3], ['none', 'sent', 'received'][1 + number %% 3],
    number, number * 2, concat('comm-', toString(number %% 4)), 'svc', number %% 5, 1, number %% 7 = 0, now64(6) FROM numbers(%d, %d)`, day.Format(time.DateTime), from, n)))
	}
	insert(0, 8000)
	for _, r := range schema.Rollups() {
		for range 3 { // some hours each
			for _, verb := range []string{"CANCEL", "REFRESH", "WAIT"} {
				require.NoError(t, db.Exec(t.Context(), "SYSTEM "+verb+" VIEW sums."+r.Name+"_refresh"))
			}
		}
	}
	require.NoError(t, db.Exec(t.Context(), "SYSTEM STOP VIEWS"))
	for _, sql := range []string{ // as if all was computed yesterday
		"CREATE TABLE sums.noted ENGINE = Memory AS SELECT source, bucket, at - INTERVAL 1 DAY AS at FROM sums.touched",
		"TRUNCATE TABLE sums.touched",
		"INSERT INTO sums.touched SELECT * FROM sums.noted",
		"INSERT INTO sums.closes_1h SELECT * REPLACE (made_at + INTERVAL 5 MINUTE AS made_at) FROM sums.closes_1h FINAL",
		"INSERT INTO sums.causes_1m SELECT * REPLACE (made_at + INTERVAL 5 MINUTE AS made_at) FROM sums.causes_1m FINAL",
	} {
		require.NoError(t, db.Exec(t.Context(), sql))
	}
	insert(8000, 300) // rows that no sum has yet
	sums := query.New(db, "sums", time.Minute)
	rows := sums.FromRows()
	remote, err := query.ParseRemote("10.0.0.1")
	require.NoError(t, err)
	for _, w := range []query.Window{
		{From: day, To: day.Add(24 * time.Hour)},
		{From: day.Add(61*time.Minute + 17*time.Second), To: day.Add(16*time.Hour + 29*time.Minute + 3*time.Second)},
		{From: day.Add(2 * time.Hour), To: day.Add(3*time.Hour + 30*time.Second)},
	} {
		for _, c := range []struct {
			filter query.Filter
			by     []query.Dimension
			read   string // of a window of hours
		}{
			{query.Filter{}, []query.Dimension{query.Cause}, "closes_1h"},
			{query.Filter{Cause: "peer_reset"}, []query.Dimension{query.Owner, query.ServicePort}, "closes_1h"},
			{query.Filter{Host: "host-1"}, []query.Dimension{query.Cause, query.Role}, "host_closes_1h"},
			{query.Filter{}, []query.Dimension{query.RemoteIP}, "connections"}, // peers_1h has no durations
			{query.Filter{}, []query.Dimension{query.Place}, "connections"},
		} {
			var read []string
			ctx := query.WithTrace(t.Context(), func(q query.Question) { read = q.Tables() })
			got, err := sums.Endings(ctx, w, c.filter, 100, c.by...)
			require.NoError(t, err)
			if w.Length() > 3*time.Hour {
				require.Contains(t, read, c.read)
			}
			want, err := rows.Endings(t.Context(), w, c.filter, 100, c.by...)
			require.NoError(t, err)
			sameCounts(t, want, got, func(g *query.Group) *query.Counts { return &g.Counts })
		}
		for _, f := range []query.Filter{{}, {Host: "host-2"}, {Cause: "peer_close"}, {Remote: remote}} {
			got, err := sums.Totals(t.Context(), w, f)
			require.NoError(t, err)
			want, err := rows.Totals(t.Context(), w, f)
			require.NoError(t, err)
			require.Equal(t, want, got)
			for _, slot := range []int{1, 60, 300, 3600} {
				got, err := sums.Rates(t.Context(), w, f, slot)
				require.NoError(t, err)
				want, err := rows.Rates(t.Context(), w, f, slot)
				require.NoError(t, err)
				require.NotEmpty(t, want)
				require.Equal(t, want, got)
			}
		}
		got, err := sums.Paths(t.Context(), w, query.Filter{}, 10)
		require.NoError(t, err)
		want, err := rows.Paths(t.Context(), w, query.Filter{}, 10)
		require.NoError(t, err)
		sameCounts(t, want, got, func(p *query.Path) *query.Counts { return &p.Counts })
	}
}

// sameCounts holds answers of sums to those of rows: the same but for the median, which is within its power of two.
func sameCounts[T any](t *testing.T, want, got []T, counts func(*T) *query.Counts) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range got {
		w, g := counts(&want[i]), counts(&got[i])
		if g.Rough && w.MedianUS == nil {
			require.Nil(t, g.MedianUS)
		} else if g.Rough {
			require.InEpsilon(t, *w.MedianUS, *g.MedianUS, 0.5)
		}
		g.MedianUS, g.Rough = w.MedianUS, w.Rough
	}
	require.Equal(t, want, got)
}

func TestQuestionNamesItsTables(t *testing.T) {
	q := query.Question{SQL: "SELECT 1 FROM `sums`.b, `sums`.a JOIN `sums`.b USING (x)"}
	require.Equal(t, []string{"a", "b"}, slices.Sorted(slices.Values(q.Tables())))
}
