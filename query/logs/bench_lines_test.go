// SPDX-License-Identifier: Apache-2.0

package logs_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/query"
	"tcpledger/query/logs"
	"tcpledger/test/setting"
	"tcpledger/test/tables"
)

// BenchmarkExplained matches ten minutes of lines, TCPLEDGER_BENCH_LINES or 100,000, with a tenth as many endings of 40 hosts. Half of the lines name a
// client's end, a quarter its process, a quarter nothing but the host.
func BenchmarkExplained(b *testing.B) {
	s := manyLines(b, 100_000)
	for b.Loop() {
		explained, err := s.Explained(b.Context(), window, logs.Filter{}, logs.DefaultReach, 10)
		require.NoError(b, err)
		require.Len(b, explained, 9)
	}
}

// BenchmarkTooManyLines asks of ten minutes with TCPLEDGER_BENCH_LINES or 2,000,000 lines: all of them, which is refused, and those with
// a text. rows-read is what the server read.
func BenchmarkTooManyLines(b *testing.B) {
	s := manyLines(b, 2_000_000)
	for name, f := range map[string]logs.Filter{"all": {}, "errors of a service": {Service: "svc-3", Errors: true}, "text": {Text: "line 4711"}} {
		b.Run(name, func(b *testing.B) {
			var read atomic.Int64
			ctx := clickhouse.Context(b.Context(), clickhouse.WithProgress(func(p *clickhouse.Progress) { read.Add(int64(p.Rows)) }))
			for b.Loop() {
				_, err := s.Explained(ctx, window, f, logs.DefaultReach, 10)
				var many *logs.TooManyError
				require.True(b, err == nil && f.Text != "" || errors.As(err, &many), err)
			}
			b.ReportMetric(float64(read.Load())/float64(b.N), "rows-read")
		})
	}
}

// manyLines makes ten minutes of lines, TCPLEDGER_BENCH_LINES or n.
func manyLines(b *testing.B, n int) *logs.Source {
	b.Helper()
	n = setting.Number(b, "TCPLEDGER_BENCH_LINES", n)
	addr, _ := clickhousetest.Start(b)
	_, db := tables.Make(b, addr, "bench")
	for _, statement := range []string{"SYSTEM STOP VIEWS", fmt.Sprintf(`INSERT INTO bench.connections (session, stream, seq, received_at, closed_at, duration_us, host, local_ip, local_port, remote_ip, remote_port, role, cause, owner_pid)
		SELECT 7, 4, number, now64(6), toDateTime64('2026-11-02 14:00:00', 6, 'UTC') + number %% 600 + number %% 997 / 1000, 1000000, concat('web-', toString(number %% 40)),
			toIPv6(IPv4NumToString(toUInt32(167772160 + number %% 40))), 20000 + intDiv(number, 40) %% 40000, toIPv6('10.9.0.5'), 5432, 'client', 'peer_reset', 300 + number %% 7 FROM numbers(%d)`, n/10),
		`CREATE TABLE bench.otel_logs (Timestamp DateTime64(9), TraceId String, SpanId String, SeverityText LowCardinality(String), SeverityNumber UInt8, ServiceName LowCardinality(String), Body String,
			ResourceAttributes Map(LowCardinality(String), String), LogAttributes Map(LowCardinality(String), String)) ENGINE = MergeTree ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)`,
		fmt.Sprintf(`INSERT INTO bench.otel_logs (Timestamp, SeverityNumber, ServiceName, Body, ResourceAttributes, LogAttributes)
		SELECT toDateTime64('2026-11-02 14:00:00', 9, 'UTC') + number %% 600 + number %% 991 / 1000, if(number %% 3 = 0, 17, 9), concat('svc-', toString(number %% 9)), concat('line ', toString(number), ' of a service that says what it does'),
			if(number %% 4 = 1, map('host.name', concat('web-', toString(number %% 40)), 'process.pid', toString(300 + number %% 7)), map('host.name', concat('web-', toString(number %% 40)), 'telemetry.sdk.name', 'opentelemetry')),
			if(number %% 4 > 1, map('client.address', IPv4NumToString(toUInt32(167772160 + number %% 40)), 'client.port', toString(20000 + intDiv(number, 40) %% 40000), 'order.id', toString(number)), map('order.id', toString(number))) FROM numbers(%d)`, n)} {
		require.NoError(b, db.Exec(b.Context(), statement))
	}
	s, err := logs.Open(b.Context(), query.New(db, "bench", 10*time.Minute), logs.DefaultTables)
	require.NoError(b, err)
	return s
}
