// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"fmt"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/schema"
	"tcpledger/test/tables"
)

// defaultRate is how many rows come in a second, TCPLEDGER_BENCH_RATE changes it.
const defaultRate = 20_000

// BenchmarkViews inserts rows of the running minutes, a second's rows each second or as fast as the machine does it, with the views of
// the rollups stopped and running: cpu-us/row is what the server computes for a row, with its merges, refreshes and the read of the rows.
// -benchtime 300x is a run of five minutes, which fills the five minutes that each refresh computes anew.
func BenchmarkViews(b *testing.B) {
	for _, running := range []bool{false, true} {
		b.Run(fmt.Sprintf("running=%t", running), func(b *testing.B) {
			rate := number(b, "TCPLEDGER_BENCH_RATE", defaultRate)
			_, db := tables.Make(b, clickhousetest.StartAt(b, clickhousetest.Options(b)).Addr(), schema.Database)
			prepare(b, db, rate, running)
			begun, before := time.Now(), computed(b, db)
			for i := 0; b.Loop(); i++ {
				require.NoError(b, db.Exec(b.Context(), fmt.Sprintf(`INSERT INTO tcpledger.connections SELECT * REPLACE (now64(6) - rand(1) %% 1000000 / 1000000 AS closed_at,
					%d + seq AS seq, now64(6) AS received_at) FROM default.made`, i*rate)))
				time.Sleep(time.Until(begun.Add(time.Duration(i+1) * time.Second)))
			}
			b.ReportMetric(float64(rate*b.N)/time.Since(begun).Seconds(), "rows/s")
			b.ReportMetric(float64(computed(b, db)-before)/float64(rate*b.N), "cpu-us/row")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// prepare makes a second's rows, which are inserted again and again as later ones.
func prepare(b *testing.B, db *clickhouse.DB, rate int, running bool) {
	b.Helper()
	ctx := driver.Context(b.Context(), driver.WithParameters(driver.Parameters{"rows": "100000000", "from": "50000000", "count": fmt.Sprint(rate), "day": benchDay.Format(time.DateTime)}))
	for _, sql := range []string{
		"SYSTEM STOP VIEWS", monthsConnections,
		"CREATE TABLE default.made ENGINE = Memory AS SELECT * FROM tcpledger.connections",
		"TRUNCATE TABLE tcpledger.connections", "TRUNCATE TABLE tcpledger.touched",
	} {
		require.NoError(b, db.Exec(ctx, sql))
	}
	if running {
		require.NoError(b, db.Exec(b.Context(), "SYSTEM START VIEWS"))
	}
}

// computed is the CPU time of the server so far, in microseconds.
func computed(b *testing.B, db *clickhouse.DB) (us uint64) {
	b.Helper()
	require.NoError(b, db.QueryRow(b.Context(), "SELECT value FROM system.events WHERE event = 'OSCPUVirtualTimeMicroseconds'").Scan(&us))
	return us
}
