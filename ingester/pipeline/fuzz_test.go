// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/ingester/consume"
	"tcpledger/ingester/store"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/schema"
)

// Whatever a message of any topic holds, it becomes rows or a dead letter, and nothing is both or neither.
func FuzzMessageToRows(f *testing.F) {
	good := sampleBatch(f, 1, 5, 0, 2)
	f.Add(good, uint8(0))
	f.Add(good[:len(good)-1], uint8(0))
	f.Add([]byte{0xdd, 4, 0, 0, 0}, uint8(1))
	pieces, err := schema.EncodeSymbols("b", "kernel", []schema.Symbol{{Offset: 1, Name: "f"}})
	require.NoError(f, err)
	f.Add(pieces[0], uint8(2))
	f.Add([]byte(nil), uint8(3))
	topics := []string{schema.TopicEvents, schema.TopicSymbols, "another", schema.TopicMeta}
	h := newHandler(newMetrics(prometheus.NewRegistry()))
	f.Fuzz(func(t *testing.T, value []byte, topic uint8) {
		m := &consume.Message{Topic: topics[int(topic)%len(topics)], Partition: 1, Offset: 2, Key: keyOf(topics[int(topic)%len(topics)], value), Value: value}
		set := h.rows(m, time.Now())
		require.LessOrEqual(t, len(set.DeadLetters), 1)
		for _, d := range set.DeadLetters {
			require.NotEmpty(t, d.Reason)
			require.Equal(t, value, d.Message)
		}
		if len(set.DeadLetters) == 0 && m.Topic == schema.TopicEvents {
			var b schema.Batch
			require.NoError(t, schema.NewBatchDecoder().Decode(value, &b))
			require.Equal(t, len(b.Connections)+len(b.Events)+len(b.Checkpoints)+len(b.Losses), set.Len())
		}
	})
}

// What a row costs the ingester before the server: decode, normalize, append.
func BenchmarkMessageToColumns(b *testing.B) {
	const rows = 1_000
	message := &consume.Message{Topic: schema.TopicEvents, Key: []byte("web-1"), Value: sampleBatch(b, 1, 5, 0, rows/2)}
	h := newHandler(newMetrics(prometheus.NewRegistry()))
	s := store.New(&clickhouse.Native{}, "d", program.NewOutage(nil, "clickhouse"), prometheus.NewRegistry())
	now := time.Now()
	begun := cpuTime(b)
	perRow := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
		b.ReportMetric(float64(cpuTime(b)-begun)/float64(b.N*rows), "cpu-ns/row")
		begun = cpuTime(b)
	}
	b.Run("decode+normalize", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.Equal(b, rows, h.rows(message, now).Len())
		}
		perRow(b)
	})
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		set := h.rows(message, now)
		for b.Loop() {
			if err := s.Append(b.Context(), set); err != nil {
				b.Fatal(err)
			}
			if s.Rows() >= 100_000 {
				s.Reset()
			}
		}
		perRow(b)
	})
}

// cpuTime is what this process has used: on a machine that others use too, wall clock says little.
func cpuTime(tb testing.TB) int64 {
	tb.Helper()
	var u unix.Rusage
	require.NoError(tb, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return u.Utime.Nano() + u.Stime.Nano()
}
