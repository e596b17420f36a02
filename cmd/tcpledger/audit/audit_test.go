// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
	"tcpledger/query"
	"tcpledger/test/tables"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// run runs the command as a person does and returns its exit code and what it wrote.
func run(t *testing.T, ch clickhouse.Flags, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	root := program.Command("tcpledger", "", "")
	root.AddCommand(Command())
	root.SetArgs(append([]string{"audit", "--clickhouse", ch.Addr}, args...))
	var out, errs bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&errs)
	code = program.Main(root)
	return code, out.String(), errs.String()
}

// sessions are two of one host: 4,000 numbers over both tables and a loss, and a window of an hour in the middle.
const sessions = `INSERT INTO connections (closed_at, host, session, stream, seq, conn, received_at)
	SELECT toDateTime64('2026-11-02 14:00:01', 6, 'UTC') + toIntervalSecond(number % 3000), 'web-1', 7, 4, number * 2, number, '2026-11-02 15:00:00' FROM numbers(1900);
INSERT INTO events (at, kind, host, session, stream, seq, conn, received_at)
	SELECT toDateTime64('2026-11-02 14:00:01', 6, 'UTC') + toIntervalSecond(number % 3000), 'drop', 'web-1', 7, 4, number * 2 + 1, number, '2026-11-02 15:00:00' FROM numbers(1900);
INSERT INTO loss (at, host, session, stream, seq_from, seq_to, cause, received_at) VALUES ('2026-11-02 14:30:00', 'web-1', 7, 4, 3800, 3999, 'ring_full', now64(6));
INSERT INTO checkpoints (at, host, session, phase, streams, next_seqs, received_at) VALUES
	('2026-11-02 13:59:59', 'web-1', 7, 'start', [], [], '2026-11-02 15:00:00'), ('2026-11-02 15:00:01', 'web-1', 7, 'periodic', [4], [4000], '2026-11-02 15:00:00');
`

// Each row that is deleted, doubled or forged on purpose changes the verdict, and its repair changes it back.
func TestTamperedRows(t *testing.T) {
	ch, db := tables.Start(t)
	tables.Exec(t, db, sessions)
	window := []string{"--from", "2026-11-02 14:00 UTC", "--to", "2026-11-02 15:00 UTC"}
	audit := func(args ...string) (int, *query.Audit) {
		t.Helper()
		code, out, errs := run(t, ch, append(append(args, window...), "--format", "json")...)
		var a query.Audit
		require.NoError(t, json.Unmarshal([]byte(out), &a), errs)
		return code, &a
	}
	code, a := audit()
	require.Zero(t, code, "%+v", a)
	require.Equal(t, query.Numbers{Promised: 4000, Connections: 1900, Events: 1900, Lost: 200}, a.Total)
	require.Empty(t, a.Findings)

	restore := func(table string) {
		tables.Exec(t, db, "INSERT INTO "+table+" SELECT * FROM "+db.Name+".kept_"+table)
	}
	for _, table := range []string{"connections", "events"} {
		require.NoError(t, db.Exec(t.Context(), "CREATE TABLE "+db.Name+".kept_"+table+" ENGINE = MergeTree ORDER BY seq AS SELECT * FROM "+db.Name+"."+table))
	}
	for _, c := range []struct {
		name, do, table string
		missing, twice  uint64
		finding         string
	}{
		{"one row is deleted", "DELETE FROM tcpledger.connections WHERE seq = 1000", "connections", 1, 0, "lost middle"},
		{"every seventh event is deleted", "DELETE FROM tcpledger.events WHERE intDiv(seq, 2) % 7 = 0", "events", 272, 0, "lost middle"},
		{"the table is emptied", "TRUNCATE TABLE tcpledger.events", "events", 1900, 0, "lost table"},
		{"a row is stored under another time", "INSERT INTO tcpledger.connections (closed_at, host, session, stream, seq, conn, received_at) SELECT closed_at + 1, host, session, stream, seq, conn, now64(6) FROM tcpledger.connections WHERE seq = 1000", "connections", 0, 1, "doubled"},
		{"an event claims a connection's number", "INSERT INTO tcpledger.events (at, host, session, stream, seq, received_at) VALUES ('2026-11-02 14:10:00', 'web-1', 7, 4, 1000, now64(6))", "events", 0, 1, "doubled"},
		{"a row claims a lost number", "INSERT INTO tcpledger.events (at, host, session, stream, seq, received_at) VALUES ('2026-11-02 14:10:00', 'web-1', 7, 4, 3900, now64(6))", "events", 0, 1, "doubled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, db.Exec(t.Context(), c.do))
			code, a := audit()
			require.Equal(t, exitIncomplete, code)
			require.Equal(t, []uint64{c.missing, c.twice}, []uint64{a.Total.Missing, a.Total.Twice})
			require.Equal(t, c.finding, a.Findings[0].Case, "%+v", a.Findings)
			require.NoError(t, db.Exec(t.Context(), "TRUNCATE TABLE tcpledger."+c.table))
			restore(c.table)
			code, a = audit()
			require.Zero(t, code, "%+v", a)
		})
	}

	t.Run("rows are stored again", func(t *testing.T) {
		restore("connections")
		code, a := audit()
		require.Zero(t, code)
		require.LessOrEqual(t, a.Total.Replayed, uint64(1900), "fewer if the server merged them already")
		require.Zero(t, a.Total.Twice)
	})
	t.Run("rows are older than they are kept", func(t *testing.T) {
		for table, days := range map[string]int{"connections": 10_000, "events": 1} {
			require.NoError(t, db.Exec(t.Context(), fmt.Sprintf("ALTER TABLE tcpledger.%s MODIFY TTL toDateTime(received_at) + INTERVAL %d DAY DELETE SETTINGS materialize_ttl_after_modify = 0", table, days)))
		}
		require.NoError(t, db.Exec(t.Context(), "TRUNCATE TABLE tcpledger.events")) // as the server does some time later
		code, a := audit()
		require.Equal(t, exitNotKnown, code)
		require.Equal(t, uint64(1900), a.Total.Missing)
		require.True(t, slices.ContainsFunc(a.Findings, func(f query.Finding) bool { return f.Case == "aged out" }), "%+v", a.Findings)
		require.NoError(t, db.Exec(t.Context(), "ALTER TABLE tcpledger.events MODIFY TTL toDateTime(received_at) + INTERVAL 10000 DAY DELETE SETTINGS materialize_ttl_after_modify = 0"))
		code, a = audit()
		require.Equal(t, exitIncomplete, code, "rows that should be there")
		require.Equal(t, "lost table", a.Findings[0].Case)
		restore("events")
	})
	t.Run("a second row far away", func(t *testing.T) {
		require.NoError(t, db.Exec(t.Context(), "INSERT INTO tcpledger.connections (closed_at, host, session, stream, seq, received_at) VALUES ('2026-10-02 14:00:00', 'web-1', 7, 4, 1000, now64(6))"))
		code, a := audit("--everywhere")
		require.Equal(t, exitIncomplete, code)
		require.Equal(t, uint64(1), a.Total.Twice)
	})
	t.Run("a table is dropped", func(t *testing.T) {
		require.NoError(t, db.Exec(t.Context(), "DROP TABLE tcpledger.connections SYNC"))
		code, a := audit()
		require.Equal(t, exitIncomplete, code)
		require.Equal(t, "the table connections does not exist: its rows are lost", a.Findings[0].Text)
	})
}

func TestText(t *testing.T) {
	ch, db := tables.Start(t)
	tables.Exec(t, db, sessions)
	code, out, errs := run(t, ch, "--from", "2026-11-02 14:00 UTC", "--to", "2026-11-02 15:00 UTC")
	require.Zero(t, code, errs)
	require.Contains(t, out, "COMPLETE ")
	require.Regexp(t, `(?m)^web-1 +00000000 +7 +4,000 +1,900 +1,900 +200 +· +· +· +complete$`, out)

	code, out, errs = run(t, ch, "--from", "2026-11-02 14:00 UTC", "--to", "2026-11-02 15:30 UTC")
	require.Equal(t, exitNotKnown, code)
	require.Contains(t, out, "silent: web-1 (boot 00000000, session 7): its agent never came back after 2026-11-02 15:00:01 UTC, its last checkpoint")
	require.Equal(t, "tcpledger: the window is not yet known\n", errs)

	code, _, errs = run(t, clickhouse.Flags{Addr: "127.0.0.1:1"}, "--from", "-1h")
	require.Equal(t, exitNoAnswer, code)
	require.Contains(t, errs, "no ClickHouse answers at --clickhouse 127.0.0.1:1")

	for _, bad := range [][]string{{"--from", "never"}, {"--timeout", "0s"}, {"--from", "15:00", "--to", "14:00"}} {
		code, _, _ = run(t, ch, bad...)
		require.Equal(t, 2, code, bad)
	}
}

func TestTextOfManySessions(t *testing.T) {
	a := &query.Audit{Verdict: query.Complete, From: time.Unix(0, 0), To: time.Unix(60, 0)}
	for range maxSessions + 5 {
		a.Sessions = append(a.Sessions, query.Audited{Host: "web\x1b[31m", BootID: "x"})
	}
	for range maxFindings + 5 {
		a.Findings = append(a.Findings, query.Finding{Case: "silent", Text: "x"})
	}
	out := textOf(a, time.UTC)
	require.NotContains(t, out, "\x1b")
	require.Contains(t, out, "and 5 more")
	require.Contains(t, out, "… and 5 more, see --format json")
}
