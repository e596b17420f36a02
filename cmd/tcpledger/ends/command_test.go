// SPDX-License-Identifier: Apache-2.0

package ends

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

// rows are a connection that closed in order, and one that something between its ends reset, through DNAT and with a hostile owner.
const rows = `INSERT INTO connections (closed_at, duration_us, connect_us, host, session, seq, local_ip, local_port, remote_ip, remote_port, role, cause, initiator, reset, first_fin, owner_comm, received_at) VALUES
('2026-11-02 14:01:00', 1000000, 200, 'web-1', 1, 0, '10.0.0.1', 40000, '10.0.0.5', 5432, 'client', 'local_close', 'local', 'none', 'local', 'api', now64(6)),
('2026-11-02 14:01:00.01', 1000000, NULL, 'db-1', 2, 0, '10.0.0.5', 5432, '10.0.0.1', 40000, 'server', 'peer_close', 'peer', 'none', 'peer', 'postgres', now64(6)),
('2026-11-02 14:02:00', 1000000, 200, 'web-1', 1, 1, '10.0.0.1', 40001, '10.96.0.10', 80, 'client', 'peer_reset', 'peer', 'received', 'none', 'a\nb', now64(6)),
('2026-11-02 14:02:00', 1000000, NULL, 'db-1', 2, 1, '10.0.0.5', 8080, '10.0.0.1', 40001, 'server', 'peer_reset', 'peer', 'received', 'none', 'nginx', now64(6))`

func TestEnds(t *testing.T) {
	flags, db := tables.Start(t)
	tables.Exec(t, db, rows)
	run := func(args ...string) (int, string) {
		root := program.Command("tcpledger", "", "")
		root.AddCommand(Command())
		root.SetArgs(append([]string{"ends", "--clickhouse", flags.Addr, "--from", "2026-11-02 14:00", "--to", "2026-11-02 14:10"}, args...))
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		return program.Main(root), out.String()
	}
	code, out := run("--host", "web-1")
	require.Zero(t, code, out)
	require.Contains(t, out, "2026-11-02 14:00:00 to 2026-11-02 14:10:00 UTC")
	require.Regexp(t, `this end closed, the other one saw it +1 +1 `, out)
	require.Regexp(t, `14:02:00.000 +web-1 +10.0.0.1:40001 > 10.96.0.10:80 +peer_reset +db-1 +10.0.0.5:8080 < 10.0.0.1:40001 +peer_reset +cannot tell +0s ± 0s +something between them reset both ends`, out)

	code, out = run("--between", "--format", "json", "--sql")
	require.Zero(t, code, out)
	var answer struct {
		Connections []struct {
			This struct{ Host, Owner string }
		}
		SQL map[string][]string
	}
	require.NoError(t, json.Unmarshal([]byte(out), &answer), out)
	require.Len(t, answer.Connections, 2)
	require.Contains(t, answer.SQL["connections"][0], "resets_between")

	code, out = run("--cause", "killed")
	require.Zero(t, code, out)
	require.Contains(t, out, "no connection ended")

	for want, args := range map[string][]string{
		"--remote": {"--remote", "x"},
		"--around": {"--around", "0s"},
		"--from":   {"--from", "2026-11-02 15:00"},
	} {
		code, out = run(args...)
		require.Equal(t, 2, code, out)
		require.Contains(t, out, want)
	}
}
