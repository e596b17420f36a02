// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/query"
	"tcpledger/schema"
	"tcpledger/test/tables"
)

//go:embed months.sql
var months string

const (
	defaultRows = 2_000_000
	maxInsert   = 1_000_000 // rows of one INSERT: a busy machine answers within the client's patience
)

// BenchmarkMonths measures questions on a day of rows (TCPLEDGER_BENCH_ROWS, 2 million if unset) and a year of rollups, as users ask
// them: with FINAL. rows-read is what the server read for the answer. TCPLEDGER_BENCH_DIR keeps the tables for the next run.
func BenchmarkMonths(b *testing.B) {
	rows := defaultRows
	if text := os.Getenv("TCPLEDGER_BENCH_ROWS"); text != "" {
		var err error
		rows, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	o := clickhousetest.Options(b)
	if dir := os.Getenv("TCPLEDGER_BENCH_DIR"); dir != "" {
		o.DataDir = dir
	}
	_, db := tables.Make(b, clickhousetest.StartAt(b, o).Addr(), schema.Database)
	var held uint64
	require.NoError(b, db.QueryRow(b.Context(), "SELECT count() FROM tcpledger.paths_1h SETTINGS final = 0").Scan(&held))
	if held == 0 {
		fill(b, db, rows)
	}
	client := query.New(db, db.Name, time.Minute)
	noon := benchDay.Add(14*time.Hour + 2*time.Minute)
	fullDay := query.Window{From: benchDay, To: benchDay.Add(24 * time.Hour)}
	ask := func(sql string) func(context.Context) error {
		return func(ctx context.Context) error { return db.Exec(ctx, sql+" FORMAT Null") }
	}
	tuple := fmt.Sprintf(tupleQuestion, noon.Format(time.DateTime), noon.Add(time.Minute).Format(time.DateTime))
	var found uint64
	require.NoError(b, db.QueryRow(b.Context(), "SELECT count() FROM ("+tuple+")").Scan(&found))
	b.Logf("the tuple has %d rows", found)
	require.Positive(b, found)
	for _, q := range []struct {
		name string
		ask  func(context.Context) error
	}{
		{"five minutes of the fleet by cause", func(ctx context.Context) error {
			_, err := client.Endings(ctx, query.Window{From: noon, To: noon.Add(5 * time.Minute)}, query.Filter{}, 100, query.Cause)
			return err
		}},
		{"a host's day by cause and owner", func(ctx context.Context) error {
			_, err := client.Endings(ctx, fullDay, query.Filter{Host: "host-117"}, 100, query.Cause, query.Owner)
			return err
		}},
		{"a day by minute and cause", func(ctx context.Context) error {
			_, err := client.Rates(ctx, fullDay, query.Filter{}, 60)
			return err
		}},
		{"a tuple within a minute", ask(tuple)},
		{"one remote address over a day", ask(fmt.Sprintf(peerQuestion, benchDay.Format(time.DateTime)))},
		{"one remote address over a quarter", ask(fmt.Sprintf(peerQuestion, benchDay.AddDate(0, 0, -90).Format(time.DateTime)))},
		{"three months of storms by minute", ask(fmt.Sprintf("SELECT minute, sum(c.endings) FROM tcpledger.causes_1m AS c WHERE cause = 'peer_reset' AND bucket >= '%s' GROUP BY minute ORDER BY minute", benchDay.AddDate(0, 0, -90).Format(time.DateTime)))},
		{"a year by hour and code path", ask("SELECT hour, stack_id, sum(p.endings) FROM tcpledger.paths_1h AS p GROUP BY hour, stack_id ORDER BY hour, stack_id")},
	} {
		b.Run(q.name, func(b *testing.B) { measure(b, q.ask) })
	}
	report(b, db)
}

// tupleQuestion finds the keys of the rows first: with FINAL the filter would not go before the columns.
const tupleQuestion = `SELECT * FROM tcpledger.connections
WHERE (toStartOfFiveMinutes(closed_at), host, cgroup_id, conn) IN
(
    SELECT toStartOfFiveMinutes(closed_at), host, cgroup_id, conn FROM tcpledger.connections
    WHERE closed_at >= '%s' AND closed_at < '%s' AND remote_ip = toIPv6('::ffff:10.9.13.2') AND service_port = 6379
    SETTINGS final = 0
)`

const peerQuestion = `SELECT cause, role, sum(p.endings), sum(p.bytes_sent) FROM tcpledger.peers_1h AS p
WHERE remote_ip = toIPv6('::ffff:10.9.13.2') AND hour >= '%s' GROUP BY cause, role`

var benchDay = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// measure asks again and again and reports the rows that were read.
func measure(b *testing.B, ask func(context.Context) error) {
	var read uint64
	settings := driver.Settings{"final": 1, "do_not_merge_across_partitions_select_final": 1, "use_skip_indexes_if_final_exact_mode": 0}
	for b.Loop() {
		read = 0
		ctx := driver.Context(b.Context(), driver.WithSettings(settings), driver.WithProgress(func(p *driver.Progress) { read += p.Rows }))
		require.NoError(b, ask(ctx))
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms")
	b.ReportMetric(float64(read), "rows-read")
	b.ReportMetric(0, "ns/op")
}

// fill makes the day, lets the views sum it up, and repeats its rollups for the year before.
func fill(b *testing.B, db *clickhouse.DB, rows int) {
	b.Helper()
	begun := time.Now()
	require.NoError(b, db.Exec(b.Context(), "SYSTEM STOP VIEWS")) // Rebuild computes
	for from := 0; from < rows; from += maxInsert {
		ctx := driver.Context(b.Context(), driver.WithParameters(driver.Parameters{"rows": strconv.Itoa(rows), "from": strconv.Itoa(from),
			"count": strconv.Itoa(min(maxInsert, rows-from)), "day": benchDay.Format(time.DateTime)}), driver.WithSettings(driver.Settings{"max_execution_time": 0}))
		require.NoError(b, db.Exec(ctx, months))
	}
	b.Logf("%d rows in %s", rows, time.Since(begun).Round(time.Second))
	for _, r := range schema.Rollups() {
		begun := time.Now()
		require.NoError(b, db.Rebuild(b.Context(), r, benchDay, benchDay.Add(24*time.Hour), false, func(int, int) {}))
		b.Logf("%s in %s", r.Name, time.Since(begun).Round(time.Millisecond))
	}
	for _, sql := range []string{ // as if all was computed yesterday
		"CREATE TABLE tcpledger.noted ENGINE = Memory AS SELECT source, bucket, at - INTERVAL 1 DAY AS at FROM tcpledger.touched",
		"TRUNCATE TABLE tcpledger.touched",
		"INSERT INTO tcpledger.touched SELECT * FROM tcpledger.noted",
		"INSERT INTO tcpledger.closes_1h SELECT * REPLACE (made_at + INTERVAL 5 MINUTE AS made_at) FROM tcpledger.closes_1h FINAL",
		"INSERT INTO tcpledger.causes_1m SELECT * REPLACE (made_at + INTERVAL 5 MINUTE AS made_at) FROM tcpledger.causes_1m FINAL",
	} {
		require.NoError(b, db.Exec(b.Context(), sql))
	}
	repeat(b, db)
}

// repeat gives the rollups the same day again for the year before; peers_1h for a quarter and the 200 addresses of services only,
// since an address reads the rows of its own.
func repeat(b *testing.B, db *clickhouse.DB) {
	b.Helper()
	for name, days := range map[string]int{"causes_1m": 365, "closes_1h": 365, "paths_1h": 365, "peers_1h": 90} {
		columns, and := []string{"hour - INTERVAL d DAY AS hour"}, ""
		if name == "peers_1h" {
			and = " AND startsWith(IPv6NumToString(remote_ip), '::ffff:10.9.')"
		}
		if strings.HasSuffix(name, "_1m") {
			columns = []string{"bucket - INTERVAL d DAY AS bucket", "minute - INTERVAL d DAY AS minute"}
		}
		for from := 1; from < days; from += 30 {
			require.NoError(b, db.Exec(b.Context(), fmt.Sprintf(`INSERT INTO tcpledger.%[1]s SELECT * EXCEPT d REPLACE (%[2]s) FROM
    (SELECT * FROM tcpledger.%[1]s WHERE %[3]s >= '%[4]s'%[7]s) AS r CROSS JOIN (SELECT number AS d FROM numbers(%[5]d, %[6]d)) AS days
    SETTINGS max_partitions_per_insert_block = 0, final = 1`, name, strings.Join(columns, ", "), strings.Fields(columns[0])[0], benchDay.Format(time.DateTime), from, min(30, days-from), and)))
		}
	}
}

// report says what the tables take on the disk.
func report(b *testing.B, db *clickhouse.DB) {
	b.Helper()
	held, err := db.Retention(b.Context())
	require.NoError(b, err)
	for i := range held {
		if held[i].Rows > 0 {
			b.Logf("%s: %d rows, %d bytes", held[i].Table, held[i].Rows, held[i].Bytes)
		}
	}
}
