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
// them: with FINAL. rows-read is what the server read for the answer, cpu-ms what it computed: on a machine that others use too, the
// time says more of them. TCPLEDGER_BENCH_PART makes only so many percent of the day's rows, its first hours, and gives the rollups the
// other hours by repeating those. TCPLEDGER_BENCH_DIR keeps the tables for the next run.
func BenchmarkMonths(b *testing.B) {
	rows, part := number(b, "TCPLEDGER_BENCH_ROWS", defaultRows), number(b, "TCPLEDGER_BENCH_PART", 100)
	o := clickhousetest.Options(b)
	if dir := os.Getenv("TCPLEDGER_BENCH_DIR"); dir != "" {
		o.DataDir = dir
	}
	_, db := tables.Make(b, clickhousetest.StartAt(b, o).Addr(), schema.Database)
	fill(b, db, rows, part)
	client := query.New(db, db.Name, time.Minute)
	noon := benchDay.Add(14*time.Hour + 2*time.Minute)
	if part < 100 {
		noon = benchDay.Add(2*time.Hour + 42*time.Minute)
	}
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
	var cpu int64
	settings := driver.Settings{"final": 1, "do_not_merge_across_partitions_select_final": 1, "use_skip_indexes_if_final_exact_mode": 0}
	for b.Loop() {
		read = 0
		ctx := driver.Context(b.Context(), driver.WithSettings(settings), driver.WithProgress(func(p *driver.Progress) { read += p.Rows }),
			driver.WithProfileEvents(func(events []driver.ProfileEvent) {
				for _, e := range events {
					if e.Type == "increment" && (e.Name == "UserTimeMicroseconds" || e.Name == "SystemTimeMicroseconds") {
						cpu += e.Value
					}
				}
			}))
		require.NoError(b, ask(ctx))
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms")
	b.ReportMetric(float64(cpu)/float64(b.N)/1000, "cpu-ms")
	b.ReportMetric(float64(read), "rows-read")
	b.ReportMetric(0, "ns/op")
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

// held counts what is in a table.
func held(b *testing.B, db *clickhouse.DB, table string) (n uint64) {
	b.Helper()
	require.NoError(b, db.QueryRow(b.Context(), "SELECT ifNull(sum(total_rows), 0) FROM system.tables WHERE database = 'tcpledger' AND name = ?", table).Scan(&n))
	return n
}

// fill makes the day, sums it up, and repeats its rollups for the year before. It goes on where a run before it ended.
func fill(b *testing.B, db *clickhouse.DB, rows, part int) {
	b.Helper()
	made := rows / 100 * part
	begun := time.Now()
	require.NoError(b, db.Exec(b.Context(), "SYSTEM STOP VIEWS")) // Rebuild computes
	for from := int(held(b, db, "connections")); from < made; from += maxInsert {
		ctx := driver.Context(b.Context(), driver.WithParameters(driver.Parameters{"rows": strconv.Itoa(rows), "from": strconv.Itoa(from),
			"count": strconv.Itoa(min(maxInsert, made-from)), "day": benchDay.Format(time.DateTime)}), driver.WithSettings(driver.Settings{"max_execution_time": 0}))
		require.NoError(b, db.Exec(ctx, months))
	}
	b.Logf("%d rows in %s", made, time.Since(begun).Round(time.Second))
	for _, r := range schema.Rollups() {
		begun := time.Now()
		if held(b, db, r.Name) == 0 {
			require.NoError(b, db.Rebuild(b.Context(), r, benchDay, benchDay.Add(24*time.Hour), false, func(int, int) {}))
			b.Logf("%s in %s", r.Name, time.Since(begun).Round(time.Millisecond))
		}
	}
	if held(b, db, "noted") > 0 {
		return
	}
	if part < 100 {
		repeatHours(b, db)
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

// repeatHours gives the rollups the rest of the day: the whole hours there are, again and again.
func repeatHours(b *testing.B, db *clickhouse.DB) {
	b.Helper()
	var whole int
	require.NoError(b, db.QueryRow(b.Context(), "SELECT toInt64(toHour(max(closed_at))) FROM tcpledger.connections").Scan(&whole))
	for _, r := range schema.Rollups() {
		if r.SourceTable() != "connections" && r.SourceTable() != "closes_1m" || r.Name == "numbers_1h" {
			continue
		}
		columns := []string{"hour + INTERVAL h HOUR AS hour"}
		if r.Time() == "bucket" {
			columns = []string{"bucket + INTERVAL h HOUR AS bucket", "minute + INTERVAL h HOUR AS minute"}
		}
		require.NoError(b, db.Exec(b.Context(), fmt.Sprintf(`INSERT INTO tcpledger.%[1]s SELECT * EXCEPT h REPLACE (%[2]s) FROM
    (SELECT * FROM tcpledger.%[1]s WHERE %[3]s >= '%[4]s' AND %[3]s < '%[5]s') AS r CROSS JOIN (SELECT %[6]d * (1 + number) AS h FROM numbers(%[7]d)) AS hours
    WHERE r.%[3]s + INTERVAL h HOUR < '%[8]s' SETTINGS final = 1`, r.Name, strings.Join(columns, ", "), r.Time(), benchDay.Format(time.DateTime),
			benchDay.Add(time.Duration(whole)*time.Hour).Format(time.DateTime), whole, 24/whole, benchDay.Add(24*time.Hour).Format(time.DateTime))))
	}
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
