// SPDX-License-Identifier: Apache-2.0

package storms

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/setting"
)

// BenchmarkLook, with TCPLEDGER_BENCH_RATE endings a minute or 60,000, says what a look costs ClickHouse: each step without a storm, and what a storm is made of, five minutes after it began.
func BenchmarkLook(b *testing.B) {
	w := stopped(b)
	end, rate := monday.Add(30*time.Minute), float64(setting.Number(b, "TCPLEDGER_BENCH_RATE", 60_000))
	w.Ordinary(monday, end, Load{Rate: rate, Night: 1, Seed: 1, Own: "host-5", Port: 443, Power: 8})
	for _, host := range []string{"host-1", "host-2", "host-3", "host-4", "host-5"} {
		w.Watched(host, monday.Add(-2*time.Hour), monday) // a host without a past would be left out, at a price
	}
	w.SumUp(monday, end)
	w.Find(end, end)
	steps := schema.StormSteps()
	for i := range steps {
		b.Run(steps[i].Table.Name, func(b *testing.B) { w.look(b, &steps[i], end, "") })
	}
	storm := fmt.Sprintf("INSERT INTO tcpledger.storms (what, began, ended, made_at) VALUES ('refused', '%[1]s', '%[2]s', now64(3))", end.Add(-5*time.Minute).Format(time.DateTime), end.Format(time.DateTime))
	factors := &steps[len(steps)-1]
	b.Run(factors.Table.Name+" of a storm", func(b *testing.B) { w.look(b, factors, end, storm) })
}

// look runs a step again and again, with no storm or the one that the statement makes, and reports the CPU time that the server took.
func (w *World) look(b *testing.B, s *schema.StormStep, at time.Time, storm string) {
	var us int64
	ctx := driver.Context(b.Context(), driver.WithProfileEvents(func(events []driver.ProfileEvent) {
		for _, e := range events {
			if e.Name == "OSCPUVirtualTimeMicroseconds" {
				us += e.Value
			}
		}
	}))
	for b.Loop() {
		w.Exec("TRUNCATE TABLE tcpledger.storms")
		w.Exec("TRUNCATE TABLE tcpledger.storm_factors")
		if storm != "" {
			w.Exec(storm)
		}
		require.NoError(b, w.DB.Exec(ctx, s.Insert(schema.Target{Database: w.DB.Name}, strconv.FormatInt(at.Unix(), 10))))
	}
	b.ReportMetric(float64(us)/1000/float64(b.N), "CPU-ms/op")
}
