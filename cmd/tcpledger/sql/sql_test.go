// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
	"tcpledger/schema"
	"tcpledger/test/tables"
)

// patience bounds a wait on a machine with other load.
const patience = 2 * time.Minute

// asProgram makes the test binary be the program.
const asProgram = "TCPLEDGER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(program.Main(root()))
	}
	clickhousetest.Main(m)
}

func root() *cobra.Command {
	root := program.Command("tcpledger", "", "")
	root.AddCommand(Command())
	return root
}

// ledger is a server with the rows of known.sql.
type ledger struct {
	native, http string
	db           *clickhouse.DB
}

func newLedger(t *testing.T) ledger {
	t.Helper()
	l := emptyLedger(t)
	tables.Fill(t, l.db)
	return l
}

func emptyLedger(t *testing.T) ledger {
	t.Helper()
	native, http := clickhousetest.Start(t)
	_, db := tables.Make(t, native, schema.Database)
	return ledger{native, http, db}
}

func (l ledger) args(args ...string) []string {
	return append([]string{"sql", "--clickhouse", l.native, "--clickhouse-http", l.http}, args...)
}

// run runs the command with a pipe for its output.
func (l ledger) run(t *testing.T, input string, args ...string) (code int, out, errs string) {
	t.Helper()
	cmd := root()
	cmd.SetArgs(l.args(args...))
	var stdout, stderr bytes.Buffer
	cmd.SetIn(strings.NewReader(input))
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	code = program.Main(cmd)
	return code, stdout.String(), stderr.String()
}

const byCause = "SELECT cause, endings FROM q_endings_by_cause(from = '2026-11-02 14:00:00', to = '2026-11-02 14:05:00') LIMIT 2"

func TestStatements(t *testing.T) {
	l := newLedger(t)
	file := filepath.Join(t.TempDir(), "two.sql")
	require.NoError(t, os.WriteFile(file, []byte("SELECT 1 AS a;\n-- and\nSELECT 2 AS b\n"), 0o600))
	for name, test := range map[string]struct {
		input string
		args  []string
		out   string
	}{
		"tsv in a pipe":       {"", []string{byCause}, "cause\tendings\npeer_close\t6\npeer_reset\t3\n"},
		"csv":                 {"", []string{"--format", "csv", byCause}, "\"cause\",\"endings\"\n\"peer_close\",6\n\"peer_reset\",3\n"},
		"json":                {"", []string{"--format", "json", byCause}, "{\"cause\":\"peer_close\",\"endings\":6}\n{\"cause\":\"peer_reset\",\"endings\":3}\n"},
		"table":               {"", []string{"--format", "table", byCause}, "┌─cause──────┬─endings─┐\n│ peer_close │       6 │\n│ peer_reset │       3 │\n└────────────┴─────────┘\n"},
		"vertical":            {"", []string{"--format", "vertical", "SELECT 1 AS a, 'x' AS bb"}, "Row 1:\n──────\na:  1\nbb: x\n"},
		"vertical by its end": {"", []string{`SELECT 1 AS a\G`}, "Row 1:\n──────\na: 1\n"},
		"its own format":      {"", []string{"SELECT 1 AS a, 2 AS b FORMAT TSVRaw"}, "1\t2\n"},
		"a file":              {"", []string{"--file", file}, "a\n1\nb\n2\n"},
		"standard input":      {"SELECT 3 AS c; SELECT 4 AS d", nil, "c\n3\nd\n4\n"},
		"a parameter":         {"", []string{"--param", "p=a\tb\\n", "SELECT length({p:String}) AS n"}, "n\n5\n"},
		"a zone":              {"", []string{"--tz", "Europe/Berlin", "SELECT toDateTime64('2026-11-02 14:00:00', 6, 'UTC') AS `a``b`, NULL::Nullable(DateTime) AS n, toDateTime(0) AS c ORDER BY c -- end"}, "a`b\tn\tc\n2026-11-02 15:00:00.000000\t\\N\t1970-01-01 01:00:00\n"},
		"a zone, no times":    {"", []string{"--tz", "Europe/Berlin", "SELECT 1 AS a SETTINGS max_threads = 1; SHOW TABLES LIKE 'q_timeouts'"}, "a\n1\nname\nq_timeouts\n"},
		"set":                 {"SET max_threads = 1; SET param_x = 'it''s'; SELECT getSetting('max_threads') AS t, {x:String} AS x", nil, "t\tx\n1\tit\\'s\n"},
		"what there is":       {"", []string{"EXISTS TABLE connections; SHOW TABLES LIKE 'q_timeouts'; EXPLAIN SYNTAX SELECT 1 FROM loss"}, "result\n1\nname\nq_timeouts\nexplain\nSELECT 1\nFROM loss\n"},
		"each record once":    {"", []string{"SELECT count() AS n FROM connections WHERE cause = 'refused'"}, "n\n2\n"},
		"every byte":          {"", []string{"SELECT '\x1b[2J\\xff' AS b FORMAT TSVRaw"}, "\x1b[2J\xff\n"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := l.run(t, test.input, test.args...)
			require.Zero(t, code, errs)
			require.Equal(t, test.out, out)
			require.Empty(t, errs)
		})
	}
}

// An error is one line that a terminal does not act on, and an exit code.
func TestErrors(t *testing.T) {
	l := newLedger(t)
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no statement":        {[]string{" -- nothing\n;"}, 2, "no statement to run"},
		"two sources":         {[]string{"SELECT 1", "--file", "x"}, 2, "--file: give it without a statement"},
		"no file":             {[]string{"--file", "/no/such"}, 2, "--file: open /no/such"},
		"no parameter":        {[]string{"--param", "x", "SELECT 1"}, 2, "--param x: want name=value"},
		"no format":           {[]string{"--format", "xml", "SELECT 1"}, 2, "--format"},
		"no server":           {[]string{"--clickhouse-http", "127.0.0.1:1", "SELECT 1"}, 1, "no ClickHouse answers at --clickhouse-http 127.0.0.1:1: "},
		"another port":        {[]string{"--clickhouse-http", l.native, "SELECT 1"}, 1, l.native},
		"syntax":              {[]string{"SELEC 1"}, 1, "failed at position 7 (1)"},
		"no table":            {[]string{"SELECT * FROM nothing"}, 1, "'nothing'"},
		"a hostile name":      {[]string{"SELECT `\x1b[2J\n`"}, 1, "�[2J"},
		"a view without time": {[]string{"SELECT * FROM q_timeline"}, 1, "wants its parameters, as q_timeline(from = "},
		"too many rows":       {[]string{"--max-rows-read", "5", "SELECT cause FROM connections"}, 1, "would read more rows than it may (5 unless it says more): narrow its time"},
		"too long":            {[]string{"--timeout", "1s", "SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1"}, 1, "takes longer than it may (1 s unless it says more)"},
		"in the middle":       {[]string{"SELECT number, throwIf(number = 3000000) FROM numbers(4000000)"}, 1, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"},
		"an unknown setting":  {[]string{"SET session_id = 'x'"}, 1, "session_id"},
		"readonly":            {[]string{"SELECT 1 SETTINGS readonly = 0"}, 1, "readonly stays as it is"},
		"no zone":             {[]string{"--tz", "Mars", "SELECT 1"}, 2, "--tz"},
		"a local zone":        {[]string{"--tz", "local", "SELECT 1"}, 2, "--tz local: ClickHouse wants a name here"},
		"a zone and FORMAT":   {[]string{"--tz", "Asia/Tokyo", "SELECT now() FORMAT CSV"}, 1, "--tz: ClickHouse cannot take this statement as a subquery"},
		"no table in a zone":  {[]string{"--tz", "Asia/Tokyo", "SELECT * FROM nothing"}, 1, "'nothing'"},
		"two settings":        {[]string{"SET max_threads = 1, max_block_size = 2"}, 1, "one setting"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := l.run(t, "", test.args...)
			require.Equal(t, test.code, code, errs)
			require.Contains(t, errs, test.want)
			require.Equal(t, 1, strings.Count(errs, "\n"), errs)
			require.NotContains(t, errs, "\x1b")
		})
	}
	code, out, _ := l.run(t, "", "SELECT 1 AS a; SELEC; SELECT 2 AS b")
	require.Equal(t, 1, code)
	require.Equal(t, "a\n1\n", out, "the first statement that fails is the last")
}

// readonly alone lets some of these through. The user of the embedded server may do anything.
func TestOnlyReads(t *testing.T) {
	l := newLedger(t)
	count := func(sql string) (n uint64) {
		require.NoError(t, l.db.QueryRow(t.Context(), sql).Scan(&n))
		return n
	}
	before := count("SELECT count() FROM tcpledger.connections")
	for _, statement := range []string{
		"INSERT INTO loss (host) VALUES ('x')", "INSERT INTO FUNCTION file('x.csv') SELECT 1", "WITH a AS (SELECT 1) INSERT INTO FUNCTION file('x.csv') SELECT * FROM a",
		"CREATE TABLE t (a Int8) ENGINE = Memory", "CREATE TEMPORARY TABLE t (a Int8)", "DROP TABLE loss", "TRUNCATE TABLE connections", "ALTER TABLE connections DELETE WHERE 1",
		"OPTIMIZE TABLE loss", "RENAME TABLE loss TO lost", "BACKUP TABLE loss TO File('x')", "KILL QUERY WHERE 1", "SYSTEM STOP MERGES", "GRANT SELECT ON *.* TO default",
		"USE system", "EXPLAIN AST KILL QUERY WHERE 1", "EXECUTE AS default SELECT 1", "SET readonly = 0", "SET ReadOnly = 0", "SET profile = 'default'",
		"SELECT 1 SETTINGS readonly = 0", "SELECT 1 INTO OUTFILE 'x.csv'", "/* */ KILL QUERY WHERE 1", "SELECT 1; KILL QUERY WHERE 1",
	} {
		code, _, errs := l.run(t, "", statement)
		require.Equal(t, 1, code, statement)
		require.NotEmpty(t, errs, statement)
	}
	require.Equal(t, before, count("SELECT count() FROM tcpledger.connections"))
	code, _, errs := l.run(t, "", "SELECT * FROM file('x.csv', 'CSV', 'a Int8')")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "FILE_DOESNT_EXIST", "no statement wrote a file")
}

// eventuallyRuns waits until so many statements of people with that word run in the server.
func (l ledger) eventuallyRuns(t *testing.T, word string, want uint64) {
	t.Helper()
	require.Eventually(t, func() bool {
		var n uint64
		err := l.db.QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE query LIKE 'SELECT %' || ? || '%' AND query NOT LIKE '%processes%'", word).Scan(&n)
		return err == nil && n == want
	}, patience, 100*time.Millisecond)
}

// A statement whose command ends does not go on in the server.
func TestCancel(t *testing.T) {
	l := newLedger(t)
	ctx, cancel := context.WithCancel(t.Context())
	cmd := root()
	cmd.SetArgs(l.args("SELECT sum(sleepEachRow(1)) FROM numbers(600) SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0"))
	cmd.SetOut(&bytes.Buffer{})
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	l.eventuallyRuns(t, "sleepEachRow", 1)
	cancel()
	require.ErrorContains(t, <-ended, "cancelled")
	l.eventuallyRuns(t, "sleepEachRow", 0)
	code, out, errs := l.run(t, "", "SELECT 1 AS a")
	require.Zero(t, code, errs)
	require.Equal(t, "a\n1\n", out)
}
