// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/report"
	"tcpledger/query"
	"tcpledger/test/tables"
)

// fleet is a million endings of 400 hosts in ten minutes, 2,000 code paths among them, with drops and retransmissions.
const fleet = `INSERT INTO connections (closed_at, duration_us, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, cause, initiator, reset, bytes_sent, bytes_received, owner_comm, owner_how, service, stack_id, retransmits, weight, received_at)
SELECT toDateTime64('2026-11-02 14:00:00', 6, 'UTC') + toIntervalMillisecond(number * 600 / 1000), 1000 + cityHash64(number) % 10000000, concat('host-', toString(number % 400)), 1, number % 8, intDiv(number, 8), number,
    toIPv6('10.0.0.1'), 1024 + number % 60000, toIPv6(concat('10.1.', toString(cityHash64(number) % 40), '.', toString(cityHash64(number + 1) % 250))), 443, [443, 5432, 6379, 8080][1 + number % 4], ['client', 'server'][1 + number % 2],
    ['peer_close', 'local_close', 'peer_reset', 'refused', 'retransmit_timeout', 'process_exit'][1 + (cityHash64(number) % 100 > 90) * (1 + number % 5)], ['local', 'peer'][1 + number % 2], 'none', 1500, 9000,
    concat('app-', toString(number % 30)), 'close', concat('app-', toString(number % 30), '.service'), 1 + cityHash64(number) % 2000, number % 50 = 0, 1, now64(6)
FROM numbers(1000000);
INSERT INTO stacks (stack_id, fp, frames_resolved, symbols, modules, received_at)
SELECT number + 1, number + 1, 6, [concat('tcp_f', toString(number % 7)), concat('tcp_g', toString(number % 40)), concat('tcp_h', toString(number)), 'tcp_v4_do_rcv', 'tcp_v4_rcv', 'ip_local_deliver'], ['kernel', 'kernel', 'kernel', 'kernel', 'kernel', 'kernel'], now64(6)
FROM numbers(2000);
INSERT INTO events (at, kind, host, session, stream, seq, conn, reason, weight, received_at)
SELECT toDateTime64('2026-11-02 14:00:00', 6, 'UTC') + toIntervalMillisecond(number * 6), 'drop', concat('host-', toString(number * 10 % 400)), 1, 9, number, number * 10, 'TCP_OFOMERGE', 1, now64(6)
FROM numbers(100000)`

// BenchmarkReport asks and writes the report of ten minutes and a million endings, with what is new against the ten minutes before. It
// says how large each form is.
func BenchmarkReport(b *testing.B) {
	_, db := tables.Start(b)
	tables.Exec(b, db, fleet)
	from := time.Date(2026, 11, 2, 14, 0, 0, 0, time.UTC)
	past := query.Window{From: from.Add(-10 * time.Minute), To: from}
	scope := &Scope{Window: query.Window{From: from, To: from.Add(10 * time.Minute)}, Against: &past, Top: 20, Zone: time.UTC, Now: from.Add(time.Hour)}
	var first map[string]string
	for b.Loop() {
		r, err := Collect(b.Context(), query.New(db, db.Name, time.Minute), scope)
		require.NoError(b, err)
		require.Zero(b, r.Failed())
		forms := map[string]string{}
		for _, format := range report.Formats() {
			var out bytes.Buffer
			require.NoError(b, r.Write(&out, format, report.Layout{SQL: format != report.Text}))
			forms[format] = out.String()
			b.ReportMetric(float64(out.Len())/1024, format+"_KiB")
		}
		if first == nil {
			first = forms
		}
		require.Equal(b, first, forms, "the same rows give the same bytes")
	}
}
