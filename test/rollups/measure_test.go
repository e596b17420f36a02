// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"context"
	"sync/atomic"
	"testing"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/schema"
)

// measure asks again and again and reports the rows that were read for an answer and the CPU time it took.
func measure(b *testing.B, ask func(context.Context) error) {
	var read, cpu atomic.Int64
	settings := driver.Settings{}
	for _, s := range schema.FinalSettings() {
		settings[s.Name] = s.Value
	}
	for b.Loop() {
		read.Store(0)
		ctx := driver.Context(b.Context(), driver.WithSettings(settings), driver.WithProgress(func(p *driver.Progress) { read.Add(int64(p.Rows)) }),
			driver.WithProfileEvents(func(events []driver.ProfileEvent) {
				for _, e := range events {
					if e.Type == "increment" && (e.Name == "UserTimeMicroseconds" || e.Name == "SystemTimeMicroseconds") {
						cpu.Add(e.Value)
					}
				}
			}))
		require.NoError(b, ask(ctx))
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms")
	b.ReportMetric(float64(cpu.Load())/float64(b.N)/1000, "cpu-ms")
	b.ReportMetric(float64(read.Load()), "rows-read")
	b.ReportMetric(0, "ns/op")
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
