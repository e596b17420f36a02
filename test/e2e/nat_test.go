// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"tcpledger/internal/devstack/kafka/kafkatest"
	"tcpledger/query"
	"tcpledger/test/lab"
	"tcpledger/test/programs"
)

// TestBothEndsThroughSNAT connects from a pod, host A, whose node masquerades it, to host B. The node's agent asks its connection tracking;
// by that each row finds its other end.
func TestBothEndsThroughSNAT(t *testing.T) {
	c := newChain(t, kafkatest.Start(t))
	from := time.Now()
	p := &pairs{t: t, l: lab.NewRouted(t)}
	for _, family := range []string{"ip", "ip6"} {
		p.l.Router.Run(t, "nft", "add table "+family+" n; add chain "+family+" n post { type nat hook postrouting priority 100; }; "+
			"add rule "+family+" n post oifname b masquerade")
	}
	p.l.Router.Relay(t, c.broker, c.broker)
	node := p.startOn(p.l.Router, "--nat", "--brokers", c.broker, "--host-id", hostA)
	other := c.of(t)
	other.startAgent(append(roomy[:len(roomy):len(roomy)], "--host-id", hostB)...)
	c.awaited(2, "SELECT uniqExact(host) FROM tcpledger.checkpoints")
	for _, ip := range []netip.Addr{p.l.B.IPv4, p.l.B.IPv6} {
		p.clientCloses(p.dial(p.l.B, ip, straight))
		p.serverAborts(p.dial(p.l.B, ip, straight))
	}
	for i := range p.all {
		p.all[i].foundBy = "translated tuple"
	}
	p.await(c)
	node.stop()
	other.agent.stop()
	c.eventually(2, "SELECT count() FROM tcpledger.checkpoints WHERE phase = 'end'")
	p.separate(c)
	p.compare(query.New(c.db, "tcpledger", time.Minute), query.Window{From: from, To: time.Now()}, 0)
}

// startOn starts an agent in a host's network.
func (p *pairs) startOn(h *lab.Host, args ...string) *process {
	p.t.Helper()
	args = append([]string{"--listen", "", "--symbols-delay", "0s", "--pins", "none"}, append(args, roomy...)...)
	path, args := h.Within(programs.Path(p.t, "agent"), args...)
	return startCommand(p.t, "agent", exec.Command(path, args...))
}
