// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/query"
	"tcpledger/schema"
	"tcpledger/test/tables"
)

// lossy is ten minutes of a fleet: 300,000 packets sent again on 400 hosts and 150,000 drops, of which each explains one, and 60,000 of either in
// one connection, which a queue of its own host lost, with 60,000 acknowledgements. All 20,001 connections end.
const lossy = `INSERT INTO events (at, kind, host, boot_id, session, stream, seq, conn, direction, local_ip, local_port, remote_ip, remote_port, service_port, role, reason, packet_seq, packet_ack, length, tcp_flags, weight, clock_error_us, received_at)
SELECT toDateTime64('2026-11-02 14:00:00', 6, 'UTC') + toIntervalMicrosecond(intDiv(number, 3) * 4000 + 300000 * (number % 3 != 2)), if(number % 3 = 2, 'drop', 'retransmit'), concat('host-', toString(intDiv(number, 3) % 400 + (number % 3 = 2 AND number % 2))),
    toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0'), 1, 1, number, 1 + intDiv(number, 3) % 20000, 'out', toIPv6('10.0.0.1'), 1024 + intDiv(number, 3) % 20000, toIPv6(concat('10.1.', toString(intDiv(number, 3) % 40), '.1')), 443, 443, 'client',
    if(number % 3 = 2, 'NETFILTER_DROP', 'timeout'), number % 3 = 1 ? 5000000 + number : intDiv(number, 3) * 1448, 7, 1448, 24, 1, 10, now64(6)
FROM numbers(450000);
INSERT INTO events (at, kind, host, boot_id, session, stream, seq, conn, direction, local_ip, local_port, remote_ip, remote_port, service_port, role, reason, packet_seq, packet_ack, length, tcp_flags, weight, clock_error_us, received_at)
SELECT toDateTime64('2026-11-02 14:00:00', 6, 'UTC') + toIntervalMicrosecond(intDiv(number, 3) * 10000 + 3000 * (number % 3)), ['drop', 'drop', 'retransmit'][1 + number % 3], 'busy', toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba1'), 1, 1, number, 1,
    ['out', 'in', 'out'][1 + number % 3], toIPv6('10.0.9.1'), 40000, toIPv6('10.0.9.2'), 443, 443, 'client', ['QDISC_DROP', 'NETFILTER_DROP', 'fast_retransmit'][1 + number % 3], if(number % 3 = 1, 7, intDiv(number, 3) * 14480),
    if(number % 3 = 1, intDiv(number, 3) * 14480, 7), 1448, 24, 1, 10, now64(6)
FROM numbers(180000);
INSERT INTO connections (closed_at, host, boot_id, session, stream, seq, conn, cause, retransmits, received_at)
SELECT toDateTime64('2026-11-02 14:09:59', 6, 'UTC'), if(number = 0, 'busy', concat('host-', toString((number - 1) % 400))), if(number = 0, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba1'), toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')),
    1, 2, number, if(number = 0, 1, number), 'peer_close', 15, now64(6)
FROM numbers(20001)`

// BenchmarkResent asks about ten lossy minutes. Other programs of the machine make it slower: cpu-ms is what the server computed.
func BenchmarkResent(b *testing.B) {
	_, db := tables.Start(b)
	tables.Exec(b, db, lossy)
	from := time.Date(2026, 11, 2, 14, 0, 0, 0, time.UTC)
	w := query.Window{From: from, To: from.Add(10 * time.Minute)}
	client := query.New(db, schema.Database, time.Minute)
	b.Run("packets", func(b *testing.B) {
		measured(b, func(ctx context.Context) {
			packets, hosts, err := client.Resent(ctx, w, query.Filter{}, 1000)
			require.NoError(b, err)
			require.Len(b, packets, 2)
			require.Equal(b, query.Resent{Kind: "retransmit", Why: "fast_retransmit", Packets: 60_000, Records: 60_000, Here: 60_000}, packets[1])
			require.Equal(b, "busy", hosts[0].Host)
		})
	})
	b.Run("endings", func(b *testing.B) {
		measured(b, func(ctx context.Context) {
			endings, err := client.EndingsWithLoss(ctx, w, query.Filter{Host: "busy"}, 1000)
			require.NoError(b, err)
			require.Equal(b, uint64(60_000), endings[0].Here)
		})
	})
}

// measured reports what the server read and computed for the answer, a question at a time.
func measured(b *testing.B, ask func(context.Context)) {
	b.Helper()
	var read, cpu atomic.Int64
	ctx := clickhouse.Context(b.Context(), clickhouse.WithProfileEvents(func(events []clickhouse.ProfileEvent) {
		for _, e := range events {
			if e.Type != "increment" {
				continue
			}
			switch e.Name {
			case "SelectedRows":
				read.Add(e.Value)
			case "UserTimeMicroseconds", "SystemTimeMicroseconds":
				cpu.Add(e.Value)
			}
		}
	}))
	for b.Loop() {
		ask(ctx)
	}
	b.ReportMetric(float64(read.Load())/float64(b.N), "rows-read")
	b.ReportMetric(float64(cpu.Load())/float64(b.N)/1000, "cpu-ms")
}
