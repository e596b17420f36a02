// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/query"
	"tcpledger/schema"
	"tcpledger/test/setting"
	"tcpledger/test/tables"
)

// The audit and the proof count in two ways: on histories of chance, with rows deleted, doubled and lost, they agree.
func TestAuditAgreesWithProof(t *testing.T) {
	_, db := tables.Make(t, startEngine(t), "chance")
	random := rand.New(rand.NewPCG(3, 4))
	const sessions, near = 12, 65536
	insert := func(table, columns, values string, arguments ...any) {
		require.NoError(t, db.Exec(t.Context(), fmt.Sprintf("INSERT INTO chance.%s (%s) VALUES "+values, append([]any{table, columns}, arguments...)...)))
	}
	for session := range sessions {
		first := near - 10 + random.IntN(10)
		next := first + random.IntN(24)
		insert("checkpoints", "at, host, session, phase, streams, next_seqs, received_at", `('2026-11-02 13:59:50', 'web', %[3]d, 'periodic', [4], [%[4]d], now64(6)),
			('2026-11-02 14:05:10', 'web', %[3]d, 'periodic', [4], [%[5]d], now64(6))`, session, first, next)
		for range random.IntN(30) {
			table, at := "connections", "closed_at"
			if random.IntN(3) == 0 {
				table, at = "events", "at"
			}
			insert(table, at+", host, session, stream, seq, received_at", "('2026-11-02 14:0%[3]d:00', 'web', %[4]d, 4, %[5]d, now64(6))", random.IntN(5), session, near-14+random.IntN(36))
		}
		for _, table := range []string{"loss", "dead_letters"} {
			low := near - 12 + random.IntN(36)
			high := low + random.IntN(5)
			if table == "loss" {
				insert(table, "at, host, session, stream, seq_from, seq_to, received_at", "('2026-11-02 14:01:00', 'web', %[3]d, 4, %[4]d, %[5]d, now64(6))", session, low, high)
			} else {
				insert(table, "received_at, topic, offset, host, boot_id, session, streams, seqs_from, seqs_to",
					"(now64(6), 't', %[3]d, 'web', '00000000-0000-0000-0000-000000000000', %[3]d, [4], [%[4]d], [%[5]d])", session, low, high)
			}
		}
	}
	w := query.Window{From: time.Date(2026, 11, 2, 14, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 2, 14, 5, 0, 0, time.UTC)}
	client := query.New(db, "chance", time.Minute)
	proofs, err := client.Proof(t.Context(), w, query.Filter{})
	require.NoError(t, err)
	require.Len(t, proofs, sessions)
	audit, err := client.Audit(t.Context(), w, query.Filter{}, query.AuditOptions{})
	require.NoError(t, err)
	require.Len(t, audit.Sessions, sessions)
	bySession := map[uint64]query.Audited{}
	for _, s := range audit.Sessions {
		bySession[s.Session] = s
	}
	for _, p := range proofs {
		s := bySession[p.Session]
		require.Equal(t, []uint64{p.Promised, p.Held, p.Rejected, p.Missing, p.Twice}, []uint64{s.Promised, s.Held(), s.DeadLetters, s.Missing, s.Twice}, "session %d", p.Session)
	}
	require.NotZero(t, audit.Total.Missing)
	require.NotZero(t, audit.Total.Twice)
	require.NotZero(t, audit.Total.DeadLetters)
}

// BenchmarkAudit audits a day of 2,000,000 connections of 40 hosts, or as many as TCPLEDGER_BENCH_ROWS says.
func BenchmarkAudit(b *testing.B) {
	rows := setting.Number(b, "TCPLEDGER_BENCH_ROWS", 2_000_000)
	const hosts, streams = 40, 16
	rows -= rows % (hosts * streams)
	_, db := tables.Start(b)
	require.NoError(b, db.Exec(b.Context(), fmt.Sprintf(`INSERT INTO tcpledger.connections (closed_at, host, session, stream, seq, conn, cgroup_id, received_at)
		SELECT toDateTime64('2026-11-02 00:00:00', 6, 'UTC') + toIntervalMillisecond(intDiv(number * 86399000, %[1]d)), concat('host-', toString(number %% %[2]d)),
			number %% %[2]d + 1, intDiv(number, %[2]d) %% %[3]d, intDiv(number, %[4]d), number, number %% 37, now64(6) FROM numbers(%[1]d)`, rows, hosts, streams, hosts*streams)))
	require.NoError(b, db.Exec(b.Context(), fmt.Sprintf(`INSERT INTO tcpledger.checkpoints (at, host, session, phase, streams, next_seqs, received_at)
		SELECT toDateTime64('2026-11-03 00:00:01', 6, 'UTC'), concat('host-', toString(number)), number + 1, 'periodic', range(%[2]d), arrayResize([toUInt64(%[3]d)], %[2]d, toUInt64(%[3]d)),
			now64(6) FROM numbers(%[1]d)`, hosts, streams, rows/hosts/streams)))
	w := query.Window{From: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)}
	for _, sql := range []string{"SYSTEM STOP VIEWS", "TRUNCATE TABLE tcpledger.touched"} { // as if the hours were computed long after their rows came
		require.NoError(b, db.Exec(b.Context(), sql))
	}
	for i := range schema.Rollups() {
		if r := schema.Rollups()[i]; r.Name == "numbers_1h" {
			require.NoError(b, db.Rebuild(b.Context(), r, w.From, w.To, false, func(int, int) {}))
		}
	}
	client := query.New(db, "tcpledger", 10*time.Minute)
	for name, c := range map[string]*query.Client{"rows": client.FromRows(), "sums": client} {
		b.Run(name, func(b *testing.B) { auditDay(b, c, w, rows) })
	}
}

// auditDay measures the time, and what the server computes for it.
func auditDay(b *testing.B, c *query.Client, w query.Window, rows int) {
	var cpu atomic.Int64
	ctx := clickhouse.Context(b.Context(), clickhouse.WithProfileEvents(func(events []clickhouse.ProfileEvent) {
		for _, e := range events {
			if e.Type == "increment" && (e.Name == "UserTimeMicroseconds" || e.Name == "SystemTimeMicroseconds") {
				cpu.Add(e.Value)
			}
		}
	}))
	for b.Loop() {
		audit, err := c.Audit(ctx, w, query.Filter{}, query.AuditOptions{})
		require.NoError(b, err)
		require.Equal(b, query.Complete, audit.Verdict, "%+v", audit.Findings)
		require.Equal(b, uint64(rows), audit.Total.Held())
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(cpu.Load())/float64(b.N)/1000, "cpu-ms")
}
