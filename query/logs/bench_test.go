// SPDX-License-Identifier: Apache-2.0

package logs_test

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/query"
	"tcpledger/query/logs"
	"tcpledger/test/tables"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// TestQuestions runs every check on one engine, each in a database of its own.
func TestQuestions(t *testing.T) {
	engine, _ := clickhousetest.Start(t)
	for name, check := range map[string]func(*testing.T, string){
		"HowLinesAreMatched":      checkHowLinesAreMatched,
		"UpstreamsOfAProxy":       checkUpstreamsOfAProxy,
		"CountsInEveryLayout":     checkCountsInEveryLayout,
		"Spans":                   checkSpans,
		"AbsentTablesAreSaidOnce": checkAbsentTablesAreSaidOnce,
		"TooManyLines":            checkTooManyLines,
		"Newest":                  checkNewest,
	} {
		t.Run(name, func(t *testing.T) { check(t, engine) })
	}
}

//go:embed testdata/layouts.sql
var layouts string

// layout is a version of the exporter: the mark of its tables in layouts.sql.
type layout string

const (
	now     layout = "{now}"
	old     layout = "{old}"
	inJSON  layout = "{json}"
	noLines layout = ""
)

// bench is a database with tcpledger's tables and with tables of lines.
type bench struct {
	*testing.T
	db       driver.Conn
	database string
	client   *query.Client
}

func newBench(t *testing.T, engine string, lines layout) *bench {
	t.Helper()
	name := strings.NewReplacer("/", "_", "TestQuestions", "lines").Replace(t.Name())
	_, db := tables.Make(t, engine, name)
	require.NoError(t, db.Exec(t.Context(), "SYSTEM STOP VIEWS"))
	b := &bench{t, db, name, query.New(db, name, time.Minute)}
	for _, statement := range strings.Split(layouts, ";\n") {
		if lines != noLines && strings.Contains(statement, string(lines)) {
			b.exec(strings.ReplaceAll(statement, string(lines), name))
		}
	}
	return b
}

func (b *bench) exec(statement string) {
	b.Helper()
	require.NoError(b, b.db.Exec(b.Context(), statement), statement)
}

// ended stores connections; their numbers are in the order of the list.
func (b *bench) ended(columns string, rows ...string) {
	b.Helper()
	var values []string
	for i, row := range rows {
		values = append(values, fmt.Sprintf("(7, 4, %d, now64(6), %s)", i+1, row))
	}
	b.exec("INSERT INTO " + b.database + ".connections (session, stream, seq, received_at, " + columns + ") VALUES " + strings.Join(values, ", "))
}

// said stores lines: their time, service, severity, body, resource and attributes.
func (b *bench) said(rows ...string) {
	b.Helper()
	b.exec("INSERT INTO " + b.database + ".otel_logs (Timestamp, ServiceName, SeverityNumber, Body, ResourceAttributes, LogAttributes) VALUES (" + strings.Join(rows, "), (") + ")")
}

func (b *bench) source() *logs.Source {
	b.Helper()
	s, err := logs.Open(b.Context(), b.client, logs.DefaultTables)
	require.NoError(b, err)
	return s
}

// window is that of every test: 14:00 to 14:10 on 2026-11-02.
var window = query.Window{From: time.Date(2026, 11, 2, 14, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 2, 14, 10, 0, 0, time.UTC)}

func (b *bench) behind(f logs.Filter) []logs.Match {
	b.Helper()
	found, err := b.source().Behind(b.Context(), window, f, logs.DefaultReach, 100)
	require.NoError(b, err)
	return found
}
