// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// BenchmarkDrain is a backlog from Kafka into ClickHouse: rows a second with the broker, the server and the ingester on one
// machine. cpu-ns/row is the ingester's and the in-process broker's.
func BenchmarkDrain(b *testing.B) {
	r := newRig(b)
	const messages, rows = 600, schema.BatchRecords
	for i := range messages {
		r.send(schema.TopicEvents, i, sampleBatch(b, uint64(i), uint32(i), 0, rows/2))
	}
	for b.Loop() {
		begun, cpu := time.Now(), cpuTime(b)
		run := r.startWith("g", 100_000, 500*time.Millisecond)
		for run.total(b, "tcpledger_ingester_rows_total") < messages*rows {
			require.Less(b, time.Since(begun), 5*maxWait)
			time.Sleep(10 * time.Millisecond)
		}
		b.ReportMetric(messages*rows/time.Since(begun).Seconds(), "rows/s")
		b.ReportMetric(float64(cpuTime(b)-cpu)/(messages*rows), "cpu-ns/row")
		b.ReportMetric(run.total(b, "tcpledger_ingester_inserts_total"), "inserts")
		run.stop(b)
	}
}

// total is the sum of a metric over its labels.
func (p *running) total(tb testing.TB, metric string) (sum float64) {
	tb.Helper()
	families, err := p.registry.Gather()
	require.NoError(tb, err)
	for _, family := range families {
		if family.GetName() == metric {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
