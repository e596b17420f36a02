// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/kafka/kafkatest"
	"tcpledger/schema"
	"tcpledger/test/lab"
)

const stackQuery = `SELECT symbols, fp FROM tcpledger.stacks WHERE stack_id IN
	(SELECT stack_id FROM tcpledger.connections WHERE netns_cookie = ? AND cause = 'linger_abort') LIMIT 1`

// TestStacksAreNamed follows a stack from the kernel to function names.
func TestStacksAreNamed(t *testing.T) {
	broker := kafkatest.New(t)
	c := newChain(t, broker.Addr())
	c.startAgent(append(roomy, "--stacks-per-second", "-1")...) // foreign load shares the budget
	l := lab.New(t)
	l.A.Actor(t, "storm").Storm(l.A.IPv4, 20)
	c.eventually(20, "SELECT count() FROM tcpledger.connections WHERE cause = 'linger_abort' AND netns_cookie = ?", l.A.Cookie(t))
	c.eventually(0, "SELECT count() FROM tcpledger.connections WHERE cause = 'linger_abort' AND stack_id = 0 AND netns_cookie = ?", l.A.Cookie(t))
	c.eventually(1, `SELECT toUInt64(count() > 0 AND countIf(frames_resolved = length(offsets)) = count()) FROM tcpledger.stacks`)
	var symbols []string
	var fp uint64
	require.NoError(t, c.db.QueryRow(context.Background(), stackQuery, l.A.Cookie(t)).Scan(&symbols, &fp))
	require.NotZero(t, fp)
	require.Contains(t, join(symbols), "tcp_close+0x", "%v", symbols)
	require.NotContains(t, join(symbols), "bpf_prog_", "our own frames are cut: %v", symbols)

	pathsAgree(t, c)

	// Another agent with another session publishes the same ids: symbols travel once, stacks stay what they are.
	tables, stacks := c.count("SELECT uniqExact(build_id) FROM tcpledger.symbols"), c.count("SELECT count() FROM tcpledger.stacks")
	c.agent.stop()
	c.startAgent(append(roomy, "--stacks-per-second", "-1")...) // foreign load shares the budget
	l.A.Actor(t, "again").Storm(l.A.IPv4, 20)
	c.eventually(40, "SELECT count() FROM tcpledger.connections WHERE cause = 'linger_abort' AND netns_cookie = ?", l.A.Cookie(t))
	require.Equal(t, tables, c.count("SELECT uniqExact(build_id) FROM tcpledger.symbols"))
	require.Equal(t, uint64(1), c.count("SELECT uniqExact(stack_id) FROM tcpledger.connections WHERE cause = 'linger_abort' AND netns_cookie = ?", l.A.Cookie(t)))
	require.GreaterOrEqual(t, c.count("SELECT count() FROM tcpledger.stacks"), stacks)
}

// pathsAgree: of all stacks that this machine made, those of one path have one fingerprint, and the other way round.
func pathsAgree(t *testing.T, c *chain) {
	t.Helper()
	rows, err := c.db.Query(context.Background(), "SELECT fp, symbols FROM tcpledger.stacks FINAL WHERE fp != 0")
	require.NoError(t, err)
	paths, fingerprints := map[uint64]string{}, map[string]uint64{}
	for rows.Next() {
		var fp uint64
		var symbols []string
		require.NoError(t, rows.Scan(&fp, &symbols))
		path := join(schema.Path(symbols))
		if known, ok := paths[fp]; ok {
			require.Equal(t, known, path, "two paths under the fingerprint %d", fp)
		}
		if known, ok := fingerprints[path]; ok {
			require.Equal(t, known, fp, "two fingerprints of the path\n%s", path)
		}
		paths[fp], fingerprints[path] = path, fp
	}
	require.NoError(t, rows.Err())
	require.NotEmpty(t, paths)
	t.Logf("%d paths", len(paths))
}

func join(symbols []string) string {
	text := ""
	for _, s := range symbols {
		text += s + "\n"
	}
	return text
}

// TestEventsOfAReset finds both ends of one reset as events, with the tuple and the connection they belong to.
func TestEventsOfAReset(t *testing.T) {
	broker := kafkatest.New(t)
	c := newChain(t, broker.Addr())
	c.startAgent(append(roomy, "--enable", "state", "--enable", "skb_consumed", "--budget", "reset_sent=0", "--budget", "reset_received=0", "--budget", "state=0")...)
	l := lab.New(t)
	l.A.Actor(t, "storm").Storm(l.A.IPv6, 10)
	ns := l.A.Cookie(t)
	c.eventually(20, "SELECT count() FROM tcpledger.connections WHERE netns_cookie = ?", ns)
	for _, kind := range []string{"reset_sent", "reset_received"} {
		c.eventually(10, "SELECT count() FROM tcpledger.events WHERE kind = ? AND netns_cookie = ?", kind, ns)
		require.Equal(t, uint64(10), c.count(`SELECT count() FROM tcpledger.events AS e INNER JOIN tcpledger.connections AS c
			ON e.session = c.session AND e.conn = c.conn AND e.local_port = c.local_port AND e.remote_port = c.remote_port
			WHERE e.kind = ? AND e.netns_cookie = ?`, kind, ns), kind)
	}
	require.NotZero(t, c.count("SELECT count() FROM tcpledger.events WHERE kind = 'state' AND new_state = 'ESTABLISHED' AND netns_cookie = ?", ns))
}
