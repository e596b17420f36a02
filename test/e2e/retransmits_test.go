// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/kafka/kafkatest"
	"tcpledger/test/lab"
	"tcpledger/test/wait"
)

// TestRetransmitsAreExplained: a router in another namespace of the host drops what a client sends. The views tell of the client's
// retransmissions that this host dropped them, and of what was lost without a drop that nobody saw one.
func TestRetransmitsAreExplained(t *testing.T) {
	c := newChain(t, kafkatest.Start(t))
	c.startAgent(append([]string{"--budget", "drop=0", "--budget", "retransmit=0"}, roomy...)...)
	from := time.Now().Add(-time.Second)
	here := map[uint64]bool{}
	for _, ip := range []func(*lab.Host) netip.Addr{func(h *lab.Host) netip.Addr { return h.IPv4 }, func(h *lab.Host) netip.Addr { return h.IPv6 }} {
		for _, dropped := range []bool{true, false} {
			l := lab.NewRouted(t)
			listener := l.B.Actor(t, "server").Listen(ip(l.B), 4)
			client := l.A.Actor(t, "client").Dial(listener.Local)
			server := listener.Accept()
			stop := l.Router.Steal
			if dropped {
				stop = func(t testing.TB, _ string) func() {
					return l.Router.Drop(t, "forward", fmt.Sprintf("tcp dport %d", listener.Local.Port()))
				}
			}
			again := stop(t, "a")
			client.Write(100)
			require.Eventually(t, func() bool { return l.A.Counters(t)["TcpExtTCPTimeouts"] > 0 }, wait.Long, 10*time.Millisecond)
			again()
			server.Read(100)
			client.Close()
			server.Read(1)
			server.Close()
			here[l.A.Cookie(t)] = dropped
		}
	}
	c.agent.stop()
	c.eventually(1, "SELECT count() FROM tcpledger.checkpoints WHERE phase = 'end'")
	window := fmt.Sprintf("(from = '%s', to = '%s')", from.UTC().Format(time.DateTime), time.Now().Add(time.Minute).UTC().Format(time.DateTime))
	for cookie, dropped := range here {
		const explained = " WHERE netns_cookie = %d AND dropped_here AND explained = 'dropped on this host' AND drop_reason != ''"
		n := c.count("SELECT count() FROM tcpledger.retransmissions" + window + fmt.Sprintf(explained, cookie))
		with := c.count("SELECT toUInt64(sum(here)) FROM tcpledger.q_endings_with_loss" + window + fmt.Sprintf(
			" WHERE (host, closed_at) IN (SELECT host, closed_at FROM tcpledger.connections WHERE role = 'client' AND netns_cookie = %d)", cookie))
		require.Equal(t, n, with)
		require.Equal(t, dropped, n > 0)
	}
	require.Positive(t, c.count("SELECT sum(packets) FROM tcpledger.q_retransmits_by_drop"+window+" WHERE explained = 'dropped on this host' AND drop_host = 'e2e'"))
	require.Positive(t, c.count("SELECT sum(packets) FROM tcpledger.q_retransmits_by_drop"+window+" WHERE explained = 'no drop seen'"))
}
