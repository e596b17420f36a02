// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
	"tcpledger/schema"
	"tcpledger/test/tables"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

func TestRollups(t *testing.T) {
	flags, db := tables.Start(t)
	tables.Fill(t, db)
	run := func(args ...string) (int, string) {
		root := program.Command("tcpledger", "", "")
		root.AddCommand(Command())
		root.SetArgs(append([]string{"rollups", "--clickhouse", flags.Addr}, args...))
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		return program.Main(root), out.String()
	}
	endings := func() (n uint64) {
		require.NoError(t, db.QueryRow(t.Context(), "SELECT sum(endings) FROM tcpledger.closes_1m FINAL").Scan(&n))
		return n
	}
	code, out := run()
	require.Zero(t, code, out)
	for _, r := range schema.Rollups() {
		require.Contains(t, out, r.Name)
	}
	require.NoError(t, db.Exec(t.Context(), "SYSTEM STOP VIEWS"))
	require.NoError(t, db.Exec(t.Context(), "TRUNCATE TABLE tcpledger.closes_1m"))
	require.Zero(t, endings())
	code, out = run("--rebuild", "--from", "2026-11-02T00:00:00Z", "--to", "2026-11-03T00:00:00Z", "--rollup", "closes_1m")
	require.Zero(t, code, out)
	require.Regexp(t, `(?m)^closes_1m: (\d+) of (\d+) × 5m, \d+s$`, out)
	require.NotContains(t, out, "paths_1h")
	require.EqualValues(t, 15, endings())
	code, out = run("--rebuild", "--from", "2025-11-02T00:00:00Z", "--to", "2025-11-03T00:00:00Z", "--rollup", "closes_1m")
	require.Zero(t, code, out)
	require.Contains(t, out, "closes_1m: no rows in the window")

	code, out = run("--mend")
	require.Zero(t, code, out)
	require.Contains(t, out, "no part is broken")

	require.NoError(t, db.Exec(t.Context(), "DROP VIEW tcpledger.paths_1h_refresh"))
	_, out = run()
	require.Regexp(t, `(?m)^paths_1h .* its view is missing: tcpledger migrate --apply`, out)

	for want, args := range map[string][]string{
		"want the first time to rebuild":   {"--rebuild"},
		"go with --rebuild":                {"--from", "-1d"},
		"--mend goes without":              {"--mend", "--rebuild"},
		`no rollup "closes_1d": one of`:    {"--rollup", "closes_1d"},
		"--from: \"yesterday\" is no time": {"--rebuild", "--from", "yesterday"},
	} {
		code, out := run(args...)
		require.Equal(t, 2, code, out)
		require.Contains(t, out, want)
	}
}
