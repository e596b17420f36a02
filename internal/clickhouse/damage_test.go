// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/schema"
)

// ledger is an engine on a folder that the test reaches into.
type ledger struct {
	*DB
	t       *testing.T
	options clickhouse.Options
	server  *clickhouse.Server
}

func startLedger(t *testing.T) *ledger {
	l := &ledger{t: t, options: clickhousetest.Options(t)}
	l.start()
	require.NoError(t, l.Migrate(t.Context(), nil))
	return l
}

func (l *ledger) start() {
	l.t.Helper()
	l.server = clickhousetest.StartAt(l.t, l.options)
	db, err := (&Flags{Addr: l.server.Addr(), User: "default", Database: schema.Database}).Open()
	require.NoError(l.t, err)
	l.t.Cleanup(func() { require.NoError(l.t, db.Close()) })
	l.DB = db
}

func (l *ledger) restart() {
	l.t.Helper()
	require.NoError(l.t, l.server.Stop(l.t.Context()))
	l.start()
}

func (l *ledger) run(statements ...string) {
	l.t.Helper()
	for _, s := range statements {
		exec(l.t, l.DB, s)
	}
}

// endings inserts connections, an insert for each, in five minutes of their own.
func (l *ledger) endings(from, n int) {
	l.t.Helper()
	for i := from; i < from+n; i++ {
		l.run(fmt.Sprintf("INSERT INTO tcpledger.connections (closed_at, host, session, seq, conn, cause, received_at) SELECT toDateTime64('2026-03-04 10:00:00', 6, 'UTC') + 300 * %d, 'h', 1, %d, %d, 'refused', now64(6)", i, i, i))
	}
}

// refresh lets closes_1m be computed.
func (l *ledger) refresh() error {
	l.t.Helper()
	for _, verb := range []string{"CANCEL", "REFRESH"} {
		l.run("SYSTEM " + verb + " VIEW tcpledger.closes_1m_refresh")
	}
	return l.Exec(l.t.Context(), "SYSTEM WAIT VIEW tcpledger.closes_1m_refresh") // its error is the view's
}

func (l *ledger) count(sql string) (n uint64) {
	l.t.Helper()
	require.NoError(l.t, l.QueryRow(l.t.Context(), sql).Scan(&n))
	return n
}

func (l *ledger) sums() uint64 {
	l.t.Helper()
	return l.count("SELECT sum(endings) FROM tcpledger.closes_1m FINAL")
}

// spoil empties the marks of every part of a table, as a disk does that loses what was written.
func (l *ledger) spoil(table string) {
	l.t.Helper()
	var paths []struct {
		Path string `ch:"path"`
	}
	require.NoError(l.t, l.Select(l.t.Context(), &paths, "SELECT path FROM system.parts WHERE active AND database = 'tcpledger' AND table = '"+table+"'"))
	require.NotEmpty(l.t, paths)
	for _, p := range paths {
		_, below, found := strings.Cut(p.Path, "/store/")
		require.True(l.t, found, p.Path)
		marks, err := filepath.Glob(filepath.Join(l.options.DataDir, "store", below, "*mrk*"))
		require.NoError(l.t, err)
		require.NotEmpty(l.t, marks)
		for _, path := range marks {
			require.NoError(l.t, os.Truncate(path, 0))
		}
	}
	l.run("SYSTEM DROP MARK CACHE", "SYSTEM DROP UNCOMPRESSED CACHE")
}

func (l *ledger) mend() (said []string) {
	l.t.Helper()
	require.NoError(l.t, l.Mend(l.t.Context(), func(b Broken) { said = append(said, b.Table) }))
	return said
}

// Notes that cannot be read stop the rollups, which is said, until they are mended: while the server runs, and after it was started
// again, which loses them without a word.
func TestBrokenNotesAreMended(t *testing.T) {
	l := startLedger(t)
	l.run("SYSTEM STOP VIEWS", "SYSTEM STOP MERGES tcpledger.touched")
	require.Empty(t, l.mend())
	for n, spoiled := range map[string]func(){
		"while it runs": func() {
			l.spoil("touched")
			_, err := l.Refreshes(t.Context())
			require.ErrorContains(t, err, schema.DamageHint)
		},
		"at its start": func() {
			l.spoil("touched")
			l.restart()
			aside, err := l.SetAside(t.Context())
			require.NoError(t, err)
			require.NotEmpty(t, aside)
			require.Equal(t, "touched", aside[0].Table)
		},
	} {
		rows := l.count("SELECT count() FROM tcpledger.connections FINAL")
		l.endings(int(rows), 5)
		spoiled()
		require.Contains(t, l.mend(), "touched", n)
		l.run("SYSTEM START VIEWS")
		require.NoError(t, l.refresh(), n)
		require.Equal(t, rows+5, l.sums(), n)
		l.run("ALTER TABLE tcpledger.touched DROP DETACHED PARTITION ALL SETTINGS allow_drop_detached = 1")
	}
}

// A rollup that lost a part is computed anew from its rows.
func TestABrokenRollupIsMended(t *testing.T) {
	l := startLedger(t)
	l.endings(0, 5)
	require.NoError(t, l.refresh())
	require.EqualValues(t, 5, l.sums())
	l.run("SYSTEM STOP VIEWS")
	l.spoil("closes_1m")
	require.Error(t, l.Exec(t.Context(), "SELECT sum(endings) FROM tcpledger.closes_1m"))
	require.Contains(t, l.mend(), "closes_1m")
	require.Zero(t, l.sums())
	l.run("SYSTEM START VIEWS")
	require.NoError(t, l.refresh())
	require.EqualValues(t, 5, l.sums())
}

// Rows cannot be computed anew. A merged part that is broken costs nothing if the server is started again while the parts are there that
// it was made of; else the part is set aside, and said.
func TestABrokenPartOfRows(t *testing.T) {
	l := startLedger(t)
	l.endings(0, 5)
	l.run("OPTIMIZE TABLE tcpledger.connections FINAL")
	l.spoil("connections")
	require.Error(t, l.Exec(t.Context(), "SELECT sum(seq) FROM tcpledger.connections"))
	require.Empty(t, l.mend(), "it leaves rows alone")
	l.restart()
	require.EqualValues(t, 5, l.count("SELECT count() FROM tcpledger.connections FINAL"))
	aside, err := l.SetAside(t.Context())
	require.NoError(t, err)
	require.Len(t, aside, 1)
	require.Equal(t, "connections", aside[0].Table)
}
