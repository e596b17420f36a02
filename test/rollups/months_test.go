// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/query"
	"tcpledger/query/logs"
	"tcpledger/schema"
	"tcpledger/test/tables"
)

var benchDay = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

const (
	defaultRows = 2_000_000
	// auditTimeout bounds a question of a day of rows that nobody summed up.
	auditTimeout = 10 * time.Minute
)

// startMonths starts an engine with a day of rows (TCPLEDGER_BENCH_ROWS, 2 million if unset) and a year of rollups. TCPLEDGER_BENCH_PART
// makes only so many percent of the day's rows, its first hours, and gives the rollups the other hours by repeating those.
// TCPLEDGER_BENCH_DIR keeps the tables: the next run goes on where this one ended, and only measures if they are whole.
func startMonths(b *testing.B) (db *clickhouse.DB, d *monthsData) {
	b.Helper()
	o := clickhousetest.Options(b)
	if dir := os.Getenv("TCPLEDGER_BENCH_DIR"); dir != "" {
		o.DataDir = dir
	}
	server := clickhousetest.StartAt(b, o)
	_, db = tables.Make(b, server.Addr(), schema.Database)
	b.Logf("the engine answers at %s and http://%s", server.Addr(), server.HTTPAddr())
	d = &monthsData{db: db, rows: number(b, "TCPLEDGER_BENCH_ROWS", defaultRows), part: number(b, "TCPLEDGER_BENCH_PART", 100)}
	d.fill(b)
	d.settle(b)
	return db, d
}

// BenchmarkMonths measures questions as users ask them: with FINAL. rows-read is what the server read for the answer, cpu-ms what it
// computed: on a machine that others use too, the time says more of them.
func BenchmarkMonths(b *testing.B) {
	db, d := startMonths(b)
	for _, q := range d.questions(b) {
		b.Run(q.name, func(b *testing.B) { measure(b, q.ask) })
	}
	report(b, db)
}

// BenchmarkDayAudit measures an audit of the day.
func BenchmarkDayAudit(b *testing.B) {
	db, d := startMonths(b)
	client := query.New(db, db.Name, auditTimeout)
	measure(b, func(ctx context.Context) error {
		audit, err := client.Audit(ctx, query.Window{From: benchDay, To: d.end()}, query.Filter{}, query.AuditOptions{})
		if err == nil {
			require.Equal(b, query.Complete, audit.Verdict, "%+v", audit.Findings)
			require.Equal(b, uint64(d.made()+d.madeEvents()), audit.Total.Held())
			require.Positive(b, audit.Summed)
		}
		return err
	})
}

type question struct {
	name string
	ask  func(context.Context) error
}

// questions are those that the docs have figures of.
func (d *monthsData) questions(b *testing.B) []question {
	client := query.New(d.db, d.db.Name, time.Minute)
	noon := benchDay.Add(14*time.Hour + 2*time.Minute)
	if d.part < 100 {
		noon = benchDay.Add(2*time.Hour + 42*time.Minute)
	}
	fullDay := query.Window{From: benchDay, To: benchDay.Add(24 * time.Hour)}
	quarter := query.Window{From: benchDay.AddDate(0, 0, -89), To: fullDay.To}
	remote, err := query.ParseRemote("10.9.13.2")
	require.NoError(b, err)
	end := d.clientEnd(b, noon)
	sql := func(sql string) func(context.Context) error {
		return func(ctx context.Context) error { return d.db.Exec(ctx, sql+" FORMAT Null") }
	}
	endings := func(w query.Window, f query.Filter, by ...query.Dimension) func(context.Context) error {
		return func(ctx context.Context) error {
			groups, err := client.Endings(ctx, w, f, 100, by...)
			if err == nil {
				require.NotEmpty(b, groups)
			}
			return err
		}
	}
	return []question{
		{"five minutes of the fleet by cause", endings(query.Window{From: noon, To: noon.Add(5 * time.Minute)}, query.Filter{}, query.Cause)},
		{"a host's day by cause and owner", endings(fullDay, query.Filter{Host: "host-117"}, query.Cause, query.Owner)},
		{"a day by minute and cause", func(ctx context.Context) error {
			_, err := client.Rates(ctx, fullDay, query.Filter{}, 60)
			return err
		}},
		{"a tuple within a minute", sql(fmt.Sprintf("SELECT * FROM tcpledger.q_tuple_history(from = '%s', to = '%s', ip = '%s', port = %d)",
			noon.Format(time.DateTime), noon.Add(time.Minute).Format(time.DateTime), end.Addr(), end.Port()))},
		{"an end over a day", func(ctx context.Context) error {
			rows, err := logs.Ends(ctx, client, fullDay, end, netip.AddrPort{}, 100)
			if err == nil {
				require.NotEmpty(b, rows)
			}
			return err
		}},
		{"one remote address over a day", endings(fullDay, query.Filter{Remote: remote}, query.Cause)},
		{"one remote address over a quarter", endings(quarter, query.Filter{Remote: remote}, query.Cause)},
		{"three months of storms by minute", sql(fmt.Sprintf("SELECT minute, sum(c.endings) FROM tcpledger.causes_1m AS c WHERE cause = 'peer_reset' AND bucket >= '%s' GROUP BY minute ORDER BY minute", quarter.From.Format(time.DateTime)))},
		{"a year by hour and code path", sql("SELECT hour, stack_id, sum(p.endings) FROM tcpledger.paths_1h AS p GROUP BY hour, stack_id ORDER BY hour, stack_id")},
	}
}

// clientEnd is the address and port of a client of the minute.
func (d *monthsData) clientEnd(b *testing.B, from time.Time) netip.AddrPort {
	b.Helper()
	var ip string
	var port uint16
	require.NoError(b, d.db.QueryRow(b.Context(), fmt.Sprintf(`SELECT IPv6NumToString(local_ip), local_port FROM tcpledger.connections
		WHERE closed_at >= '%s' AND closed_at < '%s' AND role = 'client' ORDER BY cookie, host LIMIT 1`, from.Format(time.DateTime), from.Add(time.Minute).Format(time.DateTime))).Scan(&ip, &port))
	addr, err := netip.ParseAddr(ip)
	require.NoError(b, err)
	return netip.AddrPortFrom(addr.Unmap(), port)
}

// number reads a setting of the bench.
func number(b *testing.B, name string, unset int) int {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return unset
	}
	n, err := strconv.Atoi(text)
	require.NoError(b, err)
	return n
}
