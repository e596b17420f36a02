// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"tcpledger/query"
	"tcpledger/schema"
	"tcpledger/test/tables"
)

// summed is a day of rows, all of which are in the sums.
type summed struct {
	db       driver.Conn
	database string
	day      time.Time
}

func (s *summed) exec(t *testing.T, sql string) {
	t.Helper()
	require.NoError(t, s.db.Exec(t.Context(), strings.ReplaceAll(sql, "{db}", s.database)), sql)
}

// endings inserts connections and events with the numbers from from on.
func (s *summed) endings(t *testing.T, from, n int) {
	t.Helper()
	s.exec(t, fmt.Sprintf(`INSERT INTO {db}.connections (closed_at, duration_us, host, session, seq, conn, remote_ip, service_port, role, cause, initiator, reset,
    bytes_sent, bytes_received, owner_comm, service, stack_id, weight, clock_off, received_at)
SELECT toDateTime64('%s', 6, 'UTC') + number * 7.3, if(number %% 5 = 0, NULL, 1 + number * 11), concat('host-', toString(number %% 3)), number %% 3, number, number, toIPv6(concat('10.0.0.', toString(number %% 4))), 80 + number %% 2,
    if(number %% 2 = 0, 'client', 'server'), ['local_close', 'peer_close', 'peer_reset'][1 + number %% 3], ['local', 'peer', 'kernel'][1 + number %% 3], ['none', 'sent', 'received'][1 + number %% 3],
    number, number * 2, concat('comm-', toString(number %% 4)), 'svc', number %% 5, 1, number %% 7 = 0, now64(6) FROM numbers(%d, %d)`, s.day.Format(time.DateTime), from, n))
	s.exec(t, fmt.Sprintf(`INSERT INTO {db}.events (at, kind, host, session, stream, seq, reason, error, direction, role, service_port, remote_ip, length, weight, received_at)
SELECT toDateTime64('%s', 6, 'UTC') + number * 7.3, ['drop', 'retransmit', 'error'][1 + number %% 3], concat('host-', toString(number %% 7)), number %% 7, 4, number, if(number %% 3 = 0, 'NO_SOCKET', ''), if(number %% 3 = 2, 'EPIPE', ''),
    'in', 'client', 443 + number %% 2, toIPv6('10.0.0.1'), number, 1 + number %% 5, now64(6) FROM numbers(%d, %d)`, s.day.Format(time.DateTime), from, n))
	s.exec(t, fmt.Sprintf(`INSERT INTO {db}.checkpoints (at, host, session, run, phase, totals, received_at)
SELECT toDateTime64('%s', 6, 'UTC') + number * 7.3, concat('host-', toString(number %% 2)), number %% 2, 1, if(number = 1, 'start', 'periodic'),
    map('over_budget_drop', intDiv(number, 3), 'state_map_full', intDiv(number, 50), 'stacks_taken', number), now64(6) FROM numbers(%d, %d)`, s.day.Format(time.DateTime), from, n))
	s.exec(t, fmt.Sprintf(`INSERT INTO {db}.loss (at, host, session, stream, seq_from, seq_to, cause, received_at)
SELECT toDateTime64('%s', 6, 'UTC') + number * 7.3, 'host-1', 1, 8, number * 9, number * 9 + number %% 9, 'ring_full', now64(6) FROM numbers(%d, %d) WHERE number %% 10 = 0`, s.day.Format(time.DateTime), from, n))
}

// startSummed makes the rows and the sums, as if all had been computed yesterday.
func startSummed(t *testing.T, database string) *summed {
	t.Helper()
	_, db := tables.Make(t, startEngine(t), database)
	s := &summed{db, database, evening.Truncate(24 * time.Hour)}
	s.endings(t, 0, 8000)
	for _, r := range schema.Rollups() {
		for range 6 { // some hours each
			for _, verb := range []string{"CANCEL", "REFRESH", "WAIT"} {
				s.exec(t, "SYSTEM "+verb+" VIEW {db}."+r.Name+"_refresh")
			}
		}
	}
	for _, sql := range []string{
		"SYSTEM STOP VIEWS",
		"CREATE TABLE {db}.noted ENGINE = Memory AS SELECT source, bucket, at - INTERVAL 1 DAY AS at FROM {db}.touched",
		"TRUNCATE TABLE {db}.touched",
		"INSERT INTO {db}.touched SELECT * FROM {db}.noted",
		"INSERT INTO {db}.closes_1h SELECT * REPLACE (made_at + INTERVAL 5 MINUTE AS made_at) FROM {db}.closes_1h FINAL",
		"INSERT INTO {db}.causes_1m SELECT * REPLACE (made_at + INTERVAL 5 MINUTE AS made_at) FROM {db}.causes_1m FINAL",
	} {
		s.exec(t, sql)
	}
	return s
}

// Long windows are answered from rollups, and the answers are those of the rows: with edges within a minute, in hours that are
// computed, and in those that got rows since.
func TestSumsAnswerAsRowsDo(t *testing.T) {
	s := startSummed(t, "sums")
	s.endings(t, 8000, 300) // rows that no sum has yet
	db, day := s.db, s.day
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
			{query.Filter{}, []query.Dimension{query.RemoteIP}, "peers_1h"},
			{query.Filter{Remote: remote}, []query.Dimension{query.Cause, query.ServicePort}, "peers_1h"},
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
		sameEvents(t, sums, rows, w)
		sameLosses(t, sums, rows, w)
		got, err := sums.Paths(t.Context(), w, query.Filter{}, 10)
		require.NoError(t, err)
		want, err := rows.Paths(t.Context(), w, query.Filter{}, 10)
		require.NoError(t, err)
		sameCounts(t, want, got, func(p *query.Path) *query.Counts { return &p.Counts })
	}
}

// A short window is answered from rows if they are few, and from minutes if they are many.
func TestShortWindowsAreAnsweredFromMinutesIfTheirRowsAreMany(t *testing.T) {
	_, db := tables.Make(t, startEngine(t), "crowded")
	s := &summed{db, "crowded", evening.Truncate(24 * time.Hour)}
	s.endings(t, 0, 1000)
	s.exec(t, fmt.Sprintf(`INSERT INTO {db}.connections (closed_at, host, seq, conn, role, cause, received_at)
SELECT toDateTime64('%s', 6, 'UTC') + number / 400, 'busy', number, number, 'client', 'refused', now64(6) FROM numbers(110000)`, s.day.Add(time.Hour).Format(time.DateTime)))
	for _, r := range []string{"closes_1m", "causes_1m"} {
		for _, verb := range []string{"CANCEL", "REFRESH", "WAIT"} {
			s.exec(t, "SYSTEM "+verb+" VIEW {db}."+r+"_refresh")
		}
	}
	client := query.New(db, "crowded", time.Minute)
	for many, from := range map[bool]time.Time{false: s.day, true: s.day.Add(time.Hour)} {
		w := query.Window{From: from, To: from.Add(5 * time.Minute)}
		var read []string
		got, err := client.Endings(query.WithTrace(t.Context(), func(q query.Question) { read = q.Tables() }), w, query.Filter{}, 100, query.Cause)
		require.NoError(t, err)
		require.Equal(t, many, slices.Contains(read, "closes_1m"), "%v", read)
		require.Equal(t, many, got[0].Rough)
		want, err := client.FromRows().Endings(t.Context(), w, query.Filter{}, 100, query.Cause)
		require.NoError(t, err)
		require.NotEmpty(t, want)
		sameCounts(t, want, got, func(g *query.Group) *query.Counts { return &g.Counts })
	}
}

// sameEvents holds questions about events to the rows, and says where they are read.
func sameEvents(t *testing.T, sums, rows *query.Client, w query.Window) {
	t.Helper()
	for _, c := range []struct {
		filter query.Filter
		by     []query.Dimension
		read   []string
	}{
		{query.Filter{}, []query.Dimension{query.Kind, query.Reason}, []string{"events", "events_1m"}},
		{query.Filter{Kind: "drop"}, []query.Dimension{query.ServicePort, query.Role, query.Direction}, []string{"events", "events_1m"}},
		{query.Filter{Host: "host-1"}, []query.Dimension{query.Kind}, []string{"events"}},
		{query.Filter{}, []query.Dimension{query.Host}, []string{"events"}},
	} {
		var read []string
		got, err := sums.Events(query.WithTrace(t.Context(), func(q query.Question) { read = q.Tables() }), w, c.filter, 100, c.by...)
		require.NoError(t, err)
		require.Equal(t, c.read, read)
		want, err := rows.Events(t.Context(), w, c.filter, 100, c.by...)
		require.NoError(t, err)
		require.NotEmpty(t, want)
		require.Equal(t, want, got)
	}
}

func sameLosses(t *testing.T, sums, rows *query.Client, w query.Window) {
	t.Helper()
	for _, f := range []query.Filter{{}, {Host: "host-1"}} {
		var read []string
		got, err := sums.Losses(query.WithTrace(t.Context(), func(q query.Question) { read = q.Tables() }), w, f)
		require.NoError(t, err)
		if w.Length() >= 6*time.Hour {
			require.Contains(t, read, "losses_5m")
		}
		want, err := rows.Losses(t.Context(), w, f)
		require.NoError(t, err)
		require.NotEmpty(t, want)
		require.ElementsMatch(t, want, got)
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
