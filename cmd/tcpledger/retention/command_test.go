// SPDX-License-Identifier: Apache-2.0

package retention

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
	"tcpledger/test/tables"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// What --apply changes is in the tables, and nothing is without it.
func TestRetention(t *testing.T) {
	flags, db := tables.Start(t)
	run := func(args ...string) (int, string) {
		root := program.Command("tcpledger", "", "")
		root.AddCommand(Command())
		root.SetArgs(append([]string{"retention", "--clickhouse", flags.Addr}, args...))
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		return program.Main(root), out.String()
	}
	code, out := run()
	require.Zero(t, code, out)
	require.Regexp(t, `(?m)^connections +for 400 days `, out)
	require.Regexp(t, `(?m)^closes_1m +for ever `, out)
	require.Regexp(t, `(?m)^stacks +for ever `, out)

	code, out = run("--keep", "connections=90d", "--keep", "closes_1m=2y", "--keep", "events=forever")
	require.Zero(t, code, out)
	require.Contains(t, out, "connections would keep rows for 90 days\n")
	require.Regexp(t, `(?m)^connections +for 400 days `, out)

	code, out = run("--keep", "connections=90d", "--keep", "closes_1m=2y", "--keep", "events=forever", "--apply")
	require.Zero(t, code, out)
	for _, want := range []string{`connections +for 90 days `, `closes_1m +for 730 days `, `events +for ever `} {
		require.Regexp(t, `(?m)^`+want, out)
	}
	require.NoError(t, db.Migrate(t.Context(), nil), "the retention is the operator's")
	code, out = run("--keep", "closes_1m=forever", "--apply")
	require.Zero(t, code, out)
	require.Regexp(t, `(?m)^closes_1m +for ever `, out)

	for _, c := range []struct {
		want string
		args []string
	}{
		{"want --keep or --cold with it", []string{"--apply"}},
		{`no table "touched" whose rows age: one of connections`, []string{"--keep", "touched=1d"}},
		{"want whole days like 90d, 26w or 2y, or forever", []string{"--keep", "loss=90m"}},
		{"--keep loss=2d: want table=time, each table once", []string{"--keep", "loss=1d,loss=2d"}},
		{"--cold loss: want table=time, each table once", []string{"--cold", "loss"}},
		{"rows move after 90 days and are deleted after 90", []string{"--cold", "connections=90d"}},
		{"No such volume `icy`", []string{"--cold", "connections=3d", "--cold-volume", "icy", "--apply"}},
	} {
		code, out := run(c.args...)
		require.NotZero(t, code)
		require.Contains(t, out, c.want)
	}
}
