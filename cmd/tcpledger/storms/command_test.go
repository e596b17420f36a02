// SPDX-License-Identifier: Apache-2.0

package storms

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
	"tcpledger/test/tables"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

const known = `INSERT INTO storms (what, began, ended, records, expected, peak, against, found_at, made_at) VALUES
    ('refused', '2026-11-02 14:02:00', '2026-11-02 14:05:00', 1234, 3.25, 500, 'hour', '2026-11-02 14:03:10', '2026-11-02 14:20:00'),
    ('drop', '2026-11-02 14:02:00', '2026-11-02 14:04:00', 80, 12, 60, 'days', '2026-11-02 14:03:10', '2026-11-02 14:04:30');
INSERT INTO storm_factors (what, began, factors, made_at) VALUES
    ('refused', '2026-11-02 14:02:00', [('port', '5432', 1200, 0.97, 0.02, 0.99), ('owner', 'bad\x1b[31m', 600, 0.5, 0, 0.5), ('path', '77', 1200, 0.97, 0.9, 0.9)], now());
INSERT INTO stacks (stack_id, fp, symbols, received_at) VALUES (5, 77, ['tcp_reset+0x1', 'tcp_rcv_state_process+0x2'], now())`

func TestStorms(t *testing.T) {
	flags, db := tables.Start(t)
	tables.Exec(t, db, known)
	run := func(args ...string) (int, string) {
		root := program.Command("tcpledger", "", "")
		root.AddCommand(Command())
		root.SetArgs(append([]string{"storms", "--clickhouse", flags.Addr}, args...))
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		return program.Main(root), out.String()
	}
	window := []string{"--from", "2026-11-02T14:00:00Z", "--to", "2026-11-02T15:00:00Z"}
	code, out := run(window...)
	require.Zero(t, code, out)
	require.Regexp(t, `(?m)^\S+ \S+ \S+ +3m +refused +1,234 +3\.2 +500 +port 5432`, out)
	require.Regexp(t, `(?m) 2m, goes on +drop +80 +12 +60 +\?`, out)
	require.Contains(t, out, "1,234 against 3.2 expected (the hour before said so)")
	require.Regexp(t, `(?m)^port +5432 +1,200 +97% +2% +99%`, out)
	require.Contains(t, out, "tcp_reset+0x1 < tcp_rcv_state_process+0x2")
	require.NotContains(t, out, "\x1b", "names are others' text")
	require.Contains(t, out, "What it is made of is not known")

	code, out = run(append(window, "--format", "json")...)
	require.Zero(t, code, out)
	var answer struct{ Storms []map[string]any }
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	require.Len(t, answer.Storms, 2)
	require.EqualValues(t, 1234, answer.Storms[0]["count"])

	code, out = run("--from", "2026-11-02T14:05:00Z", "--to", "2026-11-02T15:00:00Z", "--find")
	require.Zero(t, code, out)
	require.Contains(t, out, "No storm: nothing departed from its own past.")

	for want, args := range map[string][]string{
		`"yesterday" is no time`:    {"--from", "yesterday"},
		"is not before the end":     {"--from", "2026-11-02T15:00:00Z", "--to", "2026-11-02T14:00:00Z"},
		"must be one of text, json": {"--format", "xml"},
	} {
		code, out := run(args...)
		require.Equal(t, 2, code, out)
		require.Contains(t, out, want)
	}
}
