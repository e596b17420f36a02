// SPDX-License-Identifier: Apache-2.0

// Package rollups holds the rollups to the rows: on a real engine, whatever is repeated, late, killed or rebuilt.
package rollups

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/schema"
	"tcpledger/test/tables"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// day is the day before yesterday: its hours are over.
func day() time.Time { return time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -2) }

const sums = `count(), sum(weight), countIf(clock_off), sum(bytes_sent), sum(bytes_received), sum(toUInt64(bytes_unsent)), sum(toUInt64(bytes_unread)), sum(toUInt64(retransmits))`

// power counts by the number of binary digits, less one.
const power = `sumMap(map(if(%s IS NULL, 255, toUInt8(length(trimLeft(bin(assumeNotNull(%[1]s)), '0')) - 1)), toUInt64(1)))`

// rows are the answers that the rollups must equal, computed from the rows alone.
func rows() map[string]string {
	closed := "role, service_port, initiator, reset, owner_comm, service, " + sums + ", " + fmt.Sprintf(power, "duration_us") + ", " + fmt.Sprintf(power, "connect_us")
	from := " FROM connections FINAL GROUP BY ALL"
	return map[string]string{
		"closes_1m":      "SELECT toStartOfFiveMinutes(closed_at), toStartOfMinute(closed_at), cause, " + closed + from,
		"causes_1m":      "SELECT toStartOfFiveMinutes(closed_at), toStartOfMinute(closed_at), cause, initiator, reset, " + sums + from,
		"closes_1h":      "SELECT toStartOfHour(closed_at), cause, " + closed + from,
		"host_closes_1h": "SELECT toStartOfHour(closed_at), host, cause, " + closed + from,
		"paths_1h":       "SELECT toStartOfHour(closed_at), stack_id, cause, role, initiator, reset, " + sums + ", " + fmt.Sprintf(power, "duration_us") + from,
		"peers_1h":       "SELECT remote_ip, toStartOfHour(closed_at), role, service_port, cause, initiator, reset, " + sums + ", arraySort(groupUniqArray(host)), " + fmt.Sprintf(power, "duration_us") + from,
		"events_1m": "SELECT toStartOfFiveMinutes(at), toStartOfMinute(at), kind, reason, error, direction, role, service_port, count(), sum(weight), sum(toUInt64(length)), arraySort(groupUniqArray(host))" +
			" FROM events FINAL GROUP BY ALL",
		"promises_1h": "SELECT toStartOfHour(at), host, boot_id, session, streams, count(), sum(cityHash64(boot_id, session, run, at)), minForEach(next_seqs), maxForEach(next_seqs), argMax(next_seqs, at), max(at)" +
			" FROM checkpoints FINAL GROUP BY ALL",
	}
}

type rig struct {
	db   *clickhouse.DB
	addr string
}

func (r *rig) exec(t *testing.T, sql string) {
	t.Helper()
	require.NoError(t, r.db.Exec(t.Context(), sql), sql)
}

func (r *rig) text(t *testing.T, sql string) string {
	t.Helper()
	var out string
	require.NoError(t, r.db.QueryRow(t.Context(), sql).Scan(&out), sql)
	return out
}

// refresh lets each view compute what is due, each rollup after its source. A refresh that runs began before the rows came.
func (r *rig) refresh(t *testing.T) {
	t.Helper()
	for _, rollup := range schema.Rollups() {
		for _, verb := range []string{"CANCEL", "REFRESH", "WAIT"} {
			r.exec(t, "SYSTEM "+verb+" VIEW "+r.db.Name+"."+rollup.Name+"_refresh")
		}
	}
}

// equal holds each rollup to the rows. A cell that its unit has no more is a row of zeros, which counts nothing.
func (r *rig) equal(t *testing.T) {
	t.Helper()
	summary := func(from string) string {
		return r.text(t, fmt.Sprintf("SELECT concat(toString(count()), ' ', toString(sum(cityHash64(tuple(*))))) FROM (%s)", from))
	}
	for name, want := range rows() {
		want = strings.NewReplacer("FROM connections", "FROM "+r.db.Name+".connections", "FROM events", "FROM "+r.db.Name+".events", "FROM checkpoints", "FROM "+r.db.Name+".checkpoints").Replace(want)
		got := summary(fmt.Sprintf("SELECT * EXCEPT made_at FROM %s.%s FINAL WHERE %s > 0", r.db.Name, name, find(name).Measures[0].Name))
		require.False(t, strings.HasPrefix(got, "0 "), "%s is empty", name)
		require.Equal(t, summary(want), got, name)
	}
	const list = "SELECT toString(arraySort(groupArray((toString(host), toString(kind), toString(cause), toUInt64(records))))) FROM "
	window := fmt.Sprintf("(from = '%s', to = '%s')", day().Format(time.DateTime), day().Add(24*time.Hour).Format(time.DateTime))
	require.Equal(t, r.text(t, list+r.db.Name+".losses"+window),
		r.text(t, list+"(SELECT host, kind, cause, sum(l.records) AS records FROM "+r.db.Name+".losses_5m AS l FINAL WHERE l.records > 0 AND kind != 'hosts' GROUP BY ALL)"))
}

func find(name string) *schema.Rollup {
	for _, r := range schema.Rollups() {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// endings inserts n endings of an hour of the day. The same arguments insert the same records again.
func endings(database string, hour, from, n int, received, cause string) string {
	return fmt.Sprintf(`INSERT INTO %s.connections (closed_at, duration_us, connect_us, host, session, stream, seq, conn, remote_ip, service_port, role, cause, initiator, reset,
    bytes_sent, bytes_received, bytes_unsent, bytes_unread, retransmits, owner_comm, service, stack_id, weight, clock_off, received_at)
SELECT toDateTime64('%s', 6, 'UTC') + (number * 37) %% 3600 + number / 1000000 AS closed_at, if(number %% 7 = 0, NULL, bitShiftLeft(1, number %% 33) + number), if(number %% 3 = 0, NULL, 10 + number),
    concat('host-', toString(number %% 5)), number %% 5, 0, number, number, toIPv6(concat('10.0.0.', toString(number %% 9))), 5000 + number %% 3, if(number %% 2 = 0, 'client', 'server'),
    %s, ['local', 'peer', 'kernel'][1 + number %% 3], ['none', 'sent', 'received'][1 + number %% 3], number * 3, number * 5, number %% 4, number %% 6, number %% 2, concat('comm-', toString(number %% 4)),
    concat('svc-', toString(number %% 2)), number %% 6, 1 + number %% 2, number %% 11 = 0, %s
FROM numbers(%d, %d)`, database, day().Add(time.Duration(hour)*time.Hour).Format(time.DateTime), cause, received, from, n)
}

const anyCause = "['local_close', 'peer_close', 'peer_reset'][1 + number % 3]"

func happened(database string, hour, n int) string {
	return fmt.Sprintf(`INSERT INTO %s.events (at, kind, host, session, stream, seq, reason, error, direction, role, service_port, length, weight, received_at)
SELECT toDateTime64('%s', 6, 'UTC') + (number * 41) %% 3600, ['drop', 'retransmit', 'error'][1 + number %% 3], 'host-0', 1, 0, number, concat('reason-', toString(number %% 2)), if(number %% 3 = 2, 'EPIPE', ''),
    'in', 'client', 443, number, 1 + number %% 5, now64(6) FROM numbers(%d)`, database, day().Add(time.Duration(hour)*time.Hour).Format(time.DateTime), n)
}

// checkpoints of two hosts: numbers and totals that grow with each. A stream is used later than another.
func checkpoints(database string, from, n int) string {
	at := day().Add(9 * time.Hour).Format(time.DateTime)
	return fmt.Sprintf(`INSERT INTO %s.checkpoints (at, host, session, run, phase, streams, next_seqs, totals, received_at)
SELECT toDateTime64('%s', 6, 'UTC') + intDiv(number, 2) * 10, concat('host-', toString(number %% 2)), number %% 2, 1, if(intDiv(number, 2) = 0 AND number %% 2 = 0, 'start', 'periodic'),
    if(number < 100, [0], [0, 4]), if(number < 100, [number], [number, 3 * number]),
    map('over_budget_drop', 7 + intDiv(number, 10), 'state_map_full', intDiv(number, 100), 'stacks_taken', number), now64(6) FROM numbers(%d, %d)`, database, at, from, n)
}

func lost(database string, hour int) string {
	return fmt.Sprintf("INSERT INTO %s.loss (at, host, session, stream, seq_from, seq_to, cause, received_at) SELECT toDateTime64('%s', 6, 'UTC') + number * 100, 'host-1', 1, 0, number * 10, number * 10 + number, 'ring_full', now64(6) FROM numbers(20)",
		database, day().Add(time.Duration(hour)*time.Hour).Format(time.DateTime))
}

func start(t *testing.T, database string) *rig {
	addr, _ := clickhousetest.Start(t)
	_, db := tables.Make(t, addr, database)
	return &rig{db, addr}
}

// The rollups equal the rows, whatever came twice, late, or in another order.
func TestTheRollupsEqualTheRows(t *testing.T) {
	r := start(t, schema.Database)
	db := r.db.Name
	for _, sql := range []string{endings(db, 9, 0, 20_000, "now64(6)", anyCause), endings(db, 10, 20_000, 5_000, "now64(6)", anyCause), happened(db, 9, 3000), checkpoints(db, 0, 1440), lost(db, 9)} {
		r.exec(t, sql)
	}
	r.refresh(t)
	r.equal(t)

	t.Run("a replay", func(t *testing.T) {
		for _, sql := range []string{endings(db, 9, 0, 20_000, "now64(6)", anyCause), happened(db, 9, 3000), checkpoints(db, 0, 1440), lost(db, 9)} {
			r.exec(t, sql)
		}
		r.refresh(t)
		r.equal(t)
	})
	t.Run("rows a day late", func(t *testing.T) {
		r.exec(t, endings(db, 9, 100_000, 7_000, "now64(6)", anyCause))
		r.exec(t, endings(db, 3, 200_000, 100, "now64(6)", anyCause))
		r.exec(t, checkpoints(db, 1440, 200))
		r.refresh(t)
		r.equal(t)
	})
	t.Run("a cell that is no more", func(t *testing.T) {
		// The same records, received earlier: the first received stays, so that all of a cause become another.
		r.exec(t, endings(db, 10, 20_000, 5_000, "now64(6) - INTERVAL 1 DAY", "'refused'"))
		r.refresh(t)
		r.equal(t)
		require.Equal(t, "5000", r.text(t, "SELECT toString(sum(endings)) FROM "+db+".closes_1h FINAL WHERE cause = 'refused'"))
	})
	t.Run("a rebuild", func(t *testing.T) {
		r.exec(t, "INSERT INTO "+db+".closes_1m SELECT * REPLACE (endings + 1 AS endings, now64(3, 'UTC') AS made_at) FROM "+db+".closes_1m FINAL WHERE endings > 0")
		r.exec(t, "TRUNCATE TABLE "+db+".host_closes_1h")
		rebuild := func(shrink bool) {
			for _, rollup := range schema.Rollups() {
				last := 0
				require.NoError(t, r.db.Rebuild(t.Context(), rollup, day(), day().Add(24*time.Hour), shrink, func(units, of int) {
					require.Greater(t, units, last)
					require.LessOrEqual(t, units, of)
					last = units
				}))
				require.Positive(t, last, rollup.Name)
			}
		}
		count := "SELECT toString(sum(endings)) FROM " + db + ".closes_1m FINAL"
		wrong := r.text(t, count)
		rebuild(false)
		require.Equal(t, wrong, r.text(t, count), "counts become less on request only")
		rebuild(true)
		r.equal(t)
	})
	t.Run("rows that aged out", func(t *testing.T) {
		hour := day().Add(9 * time.Hour).Format(time.DateTime)
		held := func() string {
			return r.text(t, fmt.Sprintf("SELECT toString(sum(endings)) FROM %s.closes_1m FINAL WHERE toStartOfHour(minute) = '%s'", db, hour))
		}
		before := held()
		r.exec(t, fmt.Sprintf("ALTER TABLE %s.connections DELETE WHERE toStartOfHour(closed_at) = '%s' SETTINGS mutations_sync = 1", db, hour))
		r.exec(t, endings(db, 9, 300_000, 10, "now64(6)", anyCause)) // late rows of an hour whose other rows are gone
		r.refresh(t)
		require.Equal(t, "27000", before)
		require.Equal(t, before, held())
	})
}

// A server that is killed in the middle of inserts and refreshes leaves the rollups equal to the rows: an insert that was not
// acknowledged is repeated, and what was noted is computed.
func TestTheServerIsKilled(t *testing.T) {
	o := clickhousetest.Options(t)
	server := clickhousetest.StartAt(t, o)
	_, db := tables.Make(t, server.Addr(), schema.Database)
	r := &rig{db, server.Addr()}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	inserted := make(chan int)
	go func() {
		defer close(inserted)
		for i := range 24 {
			for ctx.Err() == nil {
				err := db.Exec(ctx, endings(db.Name, 9+i%2, i*3000, 3000, "now64(6)", anyCause))
				if err == nil {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			select {
			case inserted <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	for i := range inserted {
		if i%3 == 0 {
			go func() { _ = db.Exec(ctx, "SYSTEM REFRESH VIEW tcpledger.closes_1m_refresh") }() // it runs when the kill comes
		}
		if i%8 == 7 {
			time.Sleep(time.Duration(i) * time.Millisecond)
			require.NoError(t, server.Kill())
			server = clickhousetest.StartAt(t, o)
		}
	}
	r.exec(t, happened(db.Name, 9, 10))
	r.exec(t, checkpoints(db.Name, 0, 300))
	r.refresh(t)
	r.equal(t)
	require.Equal(t, "72000", r.text(t, "SELECT toString(sum(endings)) FROM tcpledger.closes_1m FINAL"))
}
