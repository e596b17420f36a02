// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/internal/devstack/kafka/kafkatest"
	"tcpledger/query"
	"tcpledger/test/lab"
)

// connection is a real one whose truth the test knows: what the row of each end says about both. host is the server's, "" if it
// has no row.
type connection struct {
	client, server *lab.Socket
	host           string
	foundBy        string
	verdicts       [2]string // of the client's row, of the server's
	first          [2]string // the same; "" if only the clocks can tell
}

const (
	hostA, hostB = "end-a", "end-b"
	// endTimeout bounds how long a test waits for an end that must come.
	endTimeout = time.Minute
)

var (
	closes   = [2]string{"this end closed, the other one saw it", "the other end closed, this one saw it"}
	aborts   = [2]string{"the other end reset this one", "this end reset the other"}
	clientIt = [2]string{"this", "other"}
	serverIt = [2]string{"other", "this"}
)

// pairs makes connections through a router and says what is true of them.
type pairs struct {
	t   testing.TB
	l   *lab.Routed
	all []connection
}

// dial connects a client on host A to a new server that listens on ip, by way of the address that via returns.
func (p *pairs) dial(server *lab.Host, ip netip.Addr, via func(listening netip.AddrPort) netip.AddrPort) connection {
	p.t.Helper()
	listener := server.Actor(p.t, "server").Listen(ip, 4)
	c := connection{host: hostB, foundBy: "tuple"}
	if server == p.l.A {
		c.host = hostA
	}
	c.client = p.l.A.Actor(p.t, "client").Dial(via(listener.Local))
	c.server = listener.Accept()
	c.client.Write(10)
	c.server.Read(10)
	return c
}

func straight(a netip.AddrPort) netip.AddrPort { return a }

// clientCloses ends a connection in order.
func (p *pairs) clientCloses(c connection) {
	c.client.Close()
	c.server.Read(1)
	c.server.Close()
	c.server.AwaitGone()
	c.verdicts, c.first = closes, clientIt
	p.all = append(p.all, c)
}

// serverAborts ends a connection with a reset.
func (p *pairs) serverAborts(c connection) {
	c.server.Linger0()
	c.server.Close()
	c.client.Wait(endTimeout)
	c.verdicts, c.first = aborts, serverIt
	p.all = append(p.all, c)
}

func (p *pairs) plain() {
	p.clientCloses(p.dial(p.l.B, p.l.B.IPv4, straight))
	p.serverAborts(p.dial(p.l.B, p.l.B.IPv6, straight))
	p.clientCloses(p.dial(p.l.B, netip.IPv6Unspecified(), func(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(p.l.B.IPv4, a.Port()) }))
}

func (p *pairs) oneHost() {
	for _, ip := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback(), p.l.A.IPv4} {
		p.serverAborts(p.dial(p.l.A, ip, straight))
	}
}

// translated connects to an address that only the router has.
func (p *pairs) translated() {
	for family, service := range map[string]netip.AddrPort{"ip": netip.MustParseAddrPort("10.78.9.9:80"), "ip6": netip.MustParseAddrPort("[fd78:9::9]:80")} {
		ip := p.l.B.IPv4
		if service.Addr().Is6() {
			ip = p.l.B.IPv6
		}
		c := p.dial(p.l.B, ip, func(a netip.AddrPort) netip.AddrPort {
			p.l.Router.Run(p.t, "nft", "add table "+family+" n; add chain "+family+" n p { type nat hook prerouting priority -100; }; "+
				"add rule "+family+" n p "+family+" daddr "+service.Addr().String()+" tcp dport 80 dnat to "+a.String())
			return service
		})
		c.foundBy = "client address"
		p.clientCloses(c)
	}
}

// rejected is a firewall that answers each end in the name of the other.
func (p *pairs) rejected(ip netip.Addr) {
	c := p.dial(p.l.B, ip, straight)
	stop := p.l.Router.Reject(p.t, "forward", "tcp dport "+port(c.server.Local), "tcp reset")
	c.client.Write(1)
	c.client.Wait(endTimeout)
	stop()
	stop = p.l.Router.Reject(p.t, "forward", "tcp sport "+port(c.server.Local), "tcp reset")
	c.server.Write(1)
	c.server.Wait(endTimeout)
	stop()
	both := "something between them reset both ends"
	c.verdicts = [2]string{both, both}
	p.all = append(p.all, c)
}

// rejectedOnce is a firewall that answers the client alone; later the client's host knows nothing of the connection.
func (p *pairs) rejectedOnce() {
	c := p.dial(p.l.B, p.l.B.IPv4, straight)
	stop := p.l.Router.Reject(p.t, "forward", "tcp dport "+port(c.server.Local), "tcp reset")
	c.client.Write(1)
	c.client.Wait(endTimeout)
	stop()
	c.client.AwaitGone()
	c.server.Write(1)
	c.server.Wait(endTimeout)
	c.verdicts = [2]string{"something between them reset this end, whose host then reset the other",
		"something between them reset the other end, whose host then reset this one"}
	p.all = append(p.all, c)
}

// idle is a router that forgets a connection that is idle, and answers what comes later with a reset in the name of the other end.
func (p *pairs) idle(ip netip.Addr) {
	stop := p.l.Router.Reject(p.t, "forward", "meta l4proto tcp ct state invalid", "tcp reset")
	defer stop()
	c := p.dial(p.l.B, ip, straight)
	p.l.Router.IdleTimeout(p.t, "3")
	defer p.l.Router.IdleTimeout(p.t, "432000") // the kernel's default
	c.client.Write(1)
	c.server.Read(1)
	p.l.Router.AwaitForgotten(p.t, c.client.Local)
	for _, s := range []*lab.Socket{c.client, c.server} {
		s.Write(1)
		s.Wait(endTimeout)
	}
	both := "something between them reset both ends"
	c.verdicts = [2]string{both, both}
	p.all = append(p.all, c)
}

// forgotten is a router that forgets a connection that is idle and drops what belongs to none.
func (p *pairs) forgotten() {
	p.l.Router.Run(p.t, "nft", "add table inet f; add chain inet f c { type filter hook forward priority 0; }; add rule inet f c ct state invalid drop")
	p.l.Router.Sysctl(p.t, "net/netfilter/nf_conntrack_tcp_loose", "0")
	c := p.dial(p.l.B, p.l.B.IPv4, straight)
	p.l.Router.Forget(p.t)
	p.l.B.Sysctl(p.t, "net/ipv4/tcp_orphan_retries", "1")
	c.server.Close()
	c.server.AwaitGone()
	c.client.Set(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 500)
	c.client.Write(1)
	c.client.Wait(endTimeout)
	c.verdicts = [2]string{"the other end ended and this one never heard of it: a timeout between them, or no way through",
		"this end ended and the other one never heard of it: a timeout between them, or no way through"}
	p.all = append(p.all, c)
	p.lostReset()
}

// lostReset is a reset that does not get through the same router.
func (p *pairs) lostReset() {
	c := p.dial(p.l.B, p.l.B.IPv4, straight)
	p.l.Router.Forget(p.t)
	c.client.Linger0()
	c.client.Close()
	c.server.Set(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 500)
	c.server.Write(1)
	c.server.Wait(endTimeout)
	c.verdicts = [2]string{"the reset of this end did not arrive", "the reset of the other end did not arrive"}
	p.all = append(p.all, c)
}

// neverEnds is a server that keeps its socket.
func (p *pairs) neverEnds() {
	c := p.dial(p.l.B, p.l.B.IPv4, straight)
	p.l.A.Sysctl(p.t, "net/ipv4/tcp_fin_timeout", "1")
	c.client.Close()
	c.server.Read(1)
	c.client.AwaitGone()
	c.host, c.foundBy = "", ""
	c.verdicts[0] = "the other end has no row: it did not end yet, or nobody saw it end"
	p.all = append(p.all, c)
}

// TestBothEnds ends connections of two hosts in every way that a router between them knows, and asks what both rows say together.
func TestBothEnds(t *testing.T) {
	c := newChain(t, kafkatest.Start(t))
	from := time.Now()
	agents := []*chain{c.of(t), c.of(t)}
	agents[0].startAgent(append(roomy[:len(roomy):len(roomy)], "--host-id", hostA)...)
	agents[1].startAgent(append(roomy[:len(roomy):len(roomy)], "--host-id", hostB)...)
	p := &pairs{t: t, l: lab.NewRouted(t)}
	p.plain()
	p.oneHost()
	p.translated()
	p.rejected(p.l.B.IPv4)
	p.rejected(p.l.B.IPv6)
	p.rejectedOnce()
	p.idle(p.l.B.IPv4)
	p.idle(p.l.B.IPv6)
	p.forgotten()
	p.neverEnds()
	p.await(c)
	for _, agent := range agents {
		agent.agent.stop()
	}
	c.eventually(2, "SELECT count() FROM tcpledger.checkpoints WHERE phase = 'end'")
	p.separate(c)
	p.compare(query.New(c.db, "tcpledger", time.Minute), query.Window{From: from, To: time.Now()}, 10)
}

// await waits until every end has its row.
func (p *pairs) await(c *chain) {
	p.t.Helper()
	want := uint64(0)
	for _, made := range p.all {
		want++
		if made.host != "" {
			want++
		}
	}
	c.eventually(want, "SELECT count() FROM tcpledger.connections WHERE (host, netns_cookie) IN ((?, ?), (?, ?))",
		hostA, p.l.A.Cookie(p.t), hostB, p.l.B.Cookie(p.t))
}

// separate leaves to each host the rows of its own namespace, as if it were a machine: each agent sees the whole machine.
func (p *pairs) separate(c *chain) {
	p.t.Helper()
	require.NoError(p.t, c.db.Exec(p.t.Context(), "DELETE FROM tcpledger.connections WHERE (host, netns_cookie) NOT IN ((?, ?), (?, ?))",
		hostA, p.l.A.Cookie(p.t), hostB, p.l.B.Cookie(p.t)))
	require.NoError(p.t, c.db.Exec(p.t.Context(), "DELETE FROM tcpledger.events WHERE (host, toString(local_ip)) NOT IN ((?, ?), (?, ?), (?, ?), (?, ?))",
		hostA, "::ffff:"+p.l.A.IPv4.String(), hostA, p.l.A.IPv6.String(), hostB, "::ffff:"+p.l.B.IPv4.String(), hostB, p.l.B.IPv6.String()))
}

// compare asks for both ends in a window, and wants for each row what is true of it; so many say that something between them did it.
func (p *pairs) compare(client *query.Client, w query.Window, wantBetween int) {
	p.t.Helper()
	found, err := client.BothEnds(p.t.Context(), w, query.Filter{}, query.DefaultAround, 1000)
	require.NoError(p.t, err)
	rows := map[string]query.Pair{}
	for _, pair := range found {
		rows[pair.This.Host+" "+pair.This.Local+" > "+pair.This.Remote] = pair
	}
	between := 0
	for _, made := range p.all {
		hosts := [2]string{hostA, made.host}
		for i, s := range []*lab.Socket{made.client, made.server} {
			if hosts[i] == "" {
				continue
			}
			row, ok := rows[hosts[i]+" "+s.Local.String()+" > "+s.Remote.String()]
			require.True(p.t, ok, "no row of %s on %s among %v", s, hosts[i], found)
			require.Equal(p.t, made.verdicts[i], row.Verdict, "%s: %+v", s, row)
			require.Equal(p.t, made.foundBy, row.FoundBy, "%s: %+v", s, row)
			if made.host != "" {
				require.Equal(p.t, uint64(1), row.Candidates, "%s: %+v", s, row)
				require.Equal(p.t, hosts[1-i], row.Other.Host, "%s: %+v", s, row)
			}
			if made.first[i] != "" {
				require.Equal(p.t, made.first[i], row.First, "%s: %+v", s, row)
			}
			if row.Between {
				between++
			}
		}
	}
	require.Len(p.t, found, len(rows))
	resets, err := client.ResetsBetween(p.t.Context(), w, query.Filter{}, query.DefaultAround, 1000)
	require.NoError(p.t, err)
	require.Len(p.t, resets, between)
	require.Equal(p.t, wantBetween, between)
}

func port(a netip.AddrPort) string {
	return netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port()).String()[len("0.0.0.0:"):]
}
