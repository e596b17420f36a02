// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/query"
	"tcpledger/query/logs"
	"tcpledger/test/tables"
)

var sqlBlock = regexp.MustCompile("(?s)```sql\n(.*?)\n```")

// sampleClock moves a statement of the documents to the time of the rows of known.sql.
var sampleClock = strings.NewReplacer("'2026-11-23 14:", "'2026-11-02 14:", "now()", "toDateTime('2026-11-02 14:04:00', 'UTC')")

// Every question that the documents show has an answer on sample rows. A statement that is no question only runs,
// and so does one that begins with a comment, which says why it may be empty.
func TestStatementsOfTheDocuments(t *testing.T) {
	_, db := tables.Start(t)
	tables.FillQuestions(t, db)
	makeLines(t, db)
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	statements := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, block := range sqlBlock.FindAllSubmatch(text, -1) {
			statements++
			t.Run(fmt.Sprintf("%s %d", filepath.Base(page), statements), func(t *testing.T) { answer(t, db, string(block[1])) })
		}
	}
	require.GreaterOrEqual(t, statements, 4)
}

// answer runs a statement and wants rows of a question.
func answer(t *testing.T, db driver.Conn, statement string) {
	t.Helper()
	asked := sampleClock.Replace(statement)
	if !strings.HasPrefix(asked, "SELECT") && !strings.HasPrefix(asked, "WITH") {
		require.NoError(t, db.Exec(t.Context(), asked))
		return
	}
	rows, err := db.Query(t.Context(), asked)
	require.NoError(t, err)
	answered := rows.Next()
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	require.True(t, answered, "no row from %s", asked)
}

// makeLines makes a table of lines with one that names a connection of known.sql, and the views of docs/logs.md.
func makeLines(t *testing.T, db *clickhouse.DB) {
	t.Helper()
	require.NoError(t, db.Exec(t.Context(), `CREATE TABLE tcpledger.otel_logs (Timestamp DateTime64(9), TraceId String, SpanId String, SeverityText String, SeverityNumber UInt8, ServiceName String,
		Body String, ResourceAttributes Map(String, String), LogAttributes Map(String, String)) ENGINE = MergeTree ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)`))
	require.NoError(t, db.Exec(t.Context(), `INSERT INTO tcpledger.otel_logs (Timestamp, SeverityNumber, ServiceName, Body, LogAttributes)
		VALUES ('2026-11-02 14:02:11', 17, 'shop', 'reset', map('remote_addr', '2001:db8::9', 'remote_port', '50000'))`))
	client := query.New(db, db.Name, time.Minute)
	source, err := logs.Open(t.Context(), client, logs.DefaultTables)
	require.NoError(t, err)
	for _, view := range source.Views(logs.DefaultReach) {
		require.NoError(t, db.Exec(t.Context(), view.SQL), view.Name)
	}
}
