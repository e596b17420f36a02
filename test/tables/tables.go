// SPDX-License-Identifier: Apache-2.0

// Package tables gives tests a real ClickHouse with tcpledger's tables, and rows that they know (known.sql).
package tables

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/schema"
)

//go:embed known.sql
var known string

//go:embed questions.sql
var questions string

// Start starts an engine and makes the tables in its database tcpledger. The engine and the handle end with the test; the
// package's TestMain must call clickhousetest.Main.
func Start(t testing.TB) (clickhouse.Flags, *clickhouse.DB) {
	t.Helper()
	addr, _ := clickhousetest.Start(t)
	return Make(t, addr, schema.Database)
}

// Make makes the tables in a database of the engine at addr. The handle ends with the test.
func Make(t testing.TB, addr, database string) (clickhouse.Flags, *clickhouse.DB) {
	t.Helper()
	flags := clickhouse.Flags{Addr: addr, User: "default", Database: database}
	db, err := flags.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Migrate(t.Context(), nil))
	return flags, db
}

// Fill inserts the rows of known.sql.
func Fill(t testing.TB, db *clickhouse.DB) {
	t.Helper()
	Exec(t, db, known)
}

// FillQuestions inserts the rows of known.sql and those of questions.sql: every view about a window then has an answer for 2026-11-02
// 14:00 to 14:05.
func FillQuestions(t testing.TB, db *clickhouse.DB) {
	t.Helper()
	Fill(t, db)
	Exec(t, db, questions)
}

// Exec runs statements separated by a semicolon at the end of a line. Their tables are named without a database.
func Exec(t testing.TB, db *clickhouse.DB, statements string) {
	t.Helper()
	for _, s := range strings.Split(statements, ";\n") {
		s = strings.TrimSpace(uncommented(s))
		if s == "" {
			continue
		}
		s = strings.Replace(s, "INSERT INTO ", "INSERT INTO "+db.Name+".", 1)
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
