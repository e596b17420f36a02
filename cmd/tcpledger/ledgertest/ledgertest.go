// SPDX-License-Identifier: Apache-2.0

// Package ledgertest gives tests a real ClickHouse with tcpledger's tables and rows they know (ledger.sql).
package ledgertest

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/schema"
)

//go:embed ledger.sql
var ledger string

// Start starts an engine and migrates its database. The engine and the handle end with the test; the package's TestMain
// must call clickhousetest.Main.
func Start(t testing.TB) (clickhouse.Flags, *clickhouse.DB) {
	t.Helper()
	addr, _ := clickhousetest.Start(t)
	flags := clickhouse.Flags{Addr: addr, User: "default", Database: schema.Database}
	db, err := flags.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Migrate(t.Context(), nil))
	return flags, db
}

// Fill inserts the rows of ledger.sql and makes the dictionary of stacks know them.
func Fill(t testing.TB, db *clickhouse.DB) {
	t.Helper()
	Exec(t, db, ledger)
	Exec(t, db, "SYSTEM RELOAD DICTIONARY stack")
}

// Exec runs statements separated by a semicolon at the end of a line. Their tables are named without a database.
func Exec(t testing.TB, db *clickhouse.DB, statements string) {
	t.Helper()
	for _, s := range strings.Split(statements, ";\n") {
		s = strings.TrimSpace(uncommented(s))
		if s == "" {
			continue
		}
		for _, before := range []string{"INSERT INTO ", "DICTIONARY "} {
			s = strings.Replace(s, before, before+db.Name+".", 1)
		}
		require.NoError(t, db.Exec(t.Context(), s), s)
	}
}

func uncommented(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(line, "--") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
