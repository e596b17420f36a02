// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/schema"
)

var (
	//go:embed months/connections.sql
	monthsConnections string
	//go:embed months/events.sql
	monthsEvents string
	//go:embed months/checkpoints.sql
	monthsCheckpoints string
)

const (
	maxInsert  = 1_000_000 // rows of one INSERT
	benchHosts = 400
	// eventsOf is how many connections come to one event.
	eventsOf = 10
	// between two checkpoints of a host, in seconds.
	between = 10
)

// monthsData is a day of rows, of which part percent are there, and a year of rollups.
type monthsData struct {
	db         *clickhouse.DB
	rows, part int
}

func (d *monthsData) made() int       { return d.rows / 100 * d.part }
func (d *monthsData) events() int     { return d.rows / eventsOf }
func (d *monthsData) madeEvents() int { return d.events() / 100 * d.part }

// end is the first checkpoint after the day's rows: where the daily curve of the statements reaches the part.
func (d *monthsData) end() time.Time {
	u := float64(d.part) / 100
	seconds := 86400 * (u + 0.4*math.Sin(2*math.Pi*u)/(2*math.Pi))
	return benchDay.Add(time.Duration(math.Ceil(seconds/between)) * between * time.Second)
}

// held counts what is in a table.
func (d *monthsData) held(b *testing.B, table string) (n uint64) {
	b.Helper()
	require.NoError(b, d.db.QueryRow(b.Context(), "SELECT ifNull(sum(total_rows), 0) FROM system.tables WHERE database = 'tcpledger' AND name = ?", table).Scan(&n))
	return n
}

// fill makes the day, sums it up, and repeats its rollups for the year before. It goes on where a run before it ended.
func (d *monthsData) fill(b *testing.B) {
	b.Helper()
	require.NoError(b, d.db.Exec(b.Context(), "SYSTEM STOP VIEWS"))                        // Rebuild computes
	require.NoError(b, d.db.Exec(b.Context(), "SYSTEM STOP MERGES tcpledger.connections")) // each row is merged once, at the end
	d.insert(b, "connections", monthsConnections, d.made(), maxInsert, 1, driver.Parameters{"rows": strconv.Itoa(d.rows)})
	require.NoError(b, d.db.Exec(b.Context(), "SYSTEM START MERGES tcpledger.connections"))
	d.insert(b, "events", monthsEvents, d.madeEvents(), maxInsert, 1, driver.Parameters{"rows": strconv.Itoa(d.events())})
	d.insert(b, "checkpoints", monthsCheckpoints, 86400+between, 3600, benchHosts/between, driver.Parameters{"rows": strconv.Itoa(d.rows), "events": strconv.Itoa(d.events()),
		"made": strconv.Itoa(d.made()), "made_events": strconv.Itoa(d.madeEvents())})
	for _, r := range schema.Rollups() {
		d.sumUp(b, r)
	}
	if d.held(b, "noted") > 0 {
		return
	}
	begun := time.Now()
	if d.part < 100 {
		repeatHours(b, d.db)
	}
	repeat(b, d.db)
	for _, sql := range []string{ // as if all was computed yesterday
		"CREATE TABLE tcpledger.noted ENGINE = MergeTree ORDER BY () AS SELECT source, bucket, at - INTERVAL 1 DAY AS at FROM tcpledger.touched",
		"TRUNCATE TABLE tcpledger.touched",
		"INSERT INTO tcpledger.touched SELECT * FROM tcpledger.noted",
		"INSERT INTO tcpledger.closes_1h SELECT * REPLACE (made_at + INTERVAL 5 MINUTE AS made_at) FROM tcpledger.closes_1h FINAL",
		"INSERT INTO tcpledger.causes_1m SELECT * REPLACE (made_at + INTERVAL 5 MINUTE AS made_at) FROM tcpledger.causes_1m FINAL",
	} {
		require.NoError(b, d.db.Exec(b.Context(), sql))
	}
	b.Logf("a year of rollups in %s", time.Since(begun).Round(time.Second))
}

// insert runs a statement for steps of what a table is to have. A unit of it is perUnit rows.
func (d *monthsData) insert(b *testing.B, table, sql string, all, step, perUnit int, parameters driver.Parameters) {
	b.Helper()
	begun, from := time.Now(), int(d.held(b, table))/perUnit
	if from >= all {
		return
	}
	parameters["day"] = benchDay.Format(time.DateTime)
	for ; from < all; from += step {
		parameters["from"], parameters["to"] = strconv.Itoa(from), strconv.Itoa(min(from+step, all))
		parameters["count"] = strconv.Itoa(min(step, all-from))
		ctx := driver.Context(b.Context(), driver.WithParameters(parameters), driver.WithSettings(driver.Settings{"max_execution_time": 0}))
		require.NoError(b, d.db.Exec(ctx, sql))
	}
	b.Logf("%s in %s", table, time.Since(begun).Round(time.Second))
}

// sumUp computes a rollup from the last unit on that it has of the day.
func (d *monthsData) sumUp(b *testing.B, r *schema.Rollup) {
	b.Helper()
	begun, last := time.Now(), d.end().Add(-1).Truncate(r.Length())
	var have time.Time
	require.NoError(b, d.db.QueryRow(b.Context(), fmt.Sprintf("SELECT max(%[1]s) FROM tcpledger.%[2]s WHERE %[1]s >= '%[3]s' SETTINGS final = 0", r.Time(), r.Name, benchDay.Format(time.DateTime))).Scan(&have))
	if !have.Before(last) {
		return
	}
	if have.Before(benchDay) {
		have = benchDay
	}
	require.NoError(b, d.db.Rebuild(b.Context(), r, have, d.end(), false, func(int, int) {}))
	b.Logf("%s in %s", r.Name, time.Since(begun).Round(time.Millisecond))
}

// settle waits until the server has merged what it merges by itself.
func (d *monthsData) settle(b *testing.B) {
	b.Helper()
	for {
		var merges uint64
		require.NoError(b, d.db.QueryRow(b.Context(), "SELECT count() FROM system.merges").Scan(&merges))
		if merges == 0 {
			return
		}
		time.Sleep(time.Second)
	}
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
