// SPDX-License-Identifier: Apache-2.0

package endings

import (
	"net/netip"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// nobody is a port without a listener.
const nobody = 9

func portText(a netip.AddrPort) string { return strconv.Itoa(int(a.Port())) }

func refused(choose func(*lab.Host) netip.Addr) func(testing.TB, *lab.Lab) []Expect {
	return func(t testing.TB, l *lab.Lab) []Expect {
		to := netip.AddrPortFrom(choose(l.B), nobody)
		s := failing(t, l, to, syscall.ECONNREFUSED)
		e := Expect{Cause: schema.CauseRefused, Initiator: schema.InitiatorPeer, Reset: schema.ResetReceived}
		return []Expect{e.failed("ECONNREFUSED").client(t, l.A, s)}
	}
}

// failing is a client whose connect fails with that error. Its port is bound first, so that the test knows it.
func failing(t testing.TB, l *lab.Lab, to netip.AddrPort, want syscall.Errno) *lab.Socket {
	t.Helper()
	s := l.A.Actor(t, "client").Open(to.Addr())
	from := l.A.IPv4
	if to.Addr().Is6() {
		from = l.A.IPv6
	}
	s.Bind(from)
	s.Set(unix.IPPROTO_TCP, unix.TCP_SYNCNT, 1)
	s.Connect(to)
	require.Equal(t, want, s.Errno)
	return s
}

// refusedByICMP: a firewall answers with a port unreachable, no RST comes.
func refusedByICMP(t testing.TB, l *lab.Lab) []Expect {
	stop := l.B.Reject(t, "input", "tcp dport 9", "icmp type port-unreachable")
	defer stop()
	s := failing(t, l, netip.AddrPortFrom(l.B.IPv4, nobody), syscall.ECONNREFUSED)
	return []Expect{clean(schema.CauseRefused, schema.InitiatorPeer).failed("ECONNREFUSED").client(t, l.A, s)}
}

func unreachable(t testing.TB, l *lab.Lab) []Expect {
	stop := l.B.Reject(t, "input", "tcp dport 9", "icmp type host-unreachable")
	defer stop()
	s := failing(t, l, netip.AddrPortFrom(l.B.IPv4, nobody), syscall.EHOSTUNREACH)
	return []Expect{clean(schema.CauseUnreachable, schema.InitiatorKernel).failed("EHOSTUNREACH").client(t, l.A, s)}
}

func connectTimeout(t testing.TB, l *lab.Lab) []Expect {
	stop := l.B.Drop(t, "input", "tcp dport 9")
	defer stop()
	s := failing(t, l, netip.AddrPortFrom(l.B.IPv4, nobody), syscall.ETIMEDOUT)
	return []Expect{clean(schema.CauseConnectTimeout, schema.InitiatorKernel).failed("ETIMEDOUT").client(t, l.A, s)}
}

func connectAbandoned(t testing.TB, l *lab.Lab) []Expect {
	stop := l.B.Drop(t, "input", "tcp dport 9")
	defer stop()
	to := netip.AddrPortFrom(l.B.IPv4, nobody)
	s := l.A.Actor(t, "client").Open(to.Addr())
	s.Bind(l.A.IPv4)
	s.StartConnect(to)
	require.Equal(t, syscall.EINPROGRESS, s.Errno)
	s.Close()
	return []Expect{clean(schema.CauseConnectAbandoned, schema.InitiatorLocal).client(t, l.A, s)}
}

// noLocalPort: the namespace has one ephemeral port, and it is taken for this destination.
func noLocalPort(t testing.TB, l *lab.Lab) []Expect {
	l.A.Sysctl(t, "net/ipv4/ip_local_port_range", "40001 40001")
	defer l.A.Sysctl(t, "net/ipv4/ip_local_port_range", "32768 60999")
	p := connect(t, l, v4)
	second := l.A.Actor(t, "client").Open(l.B.IPv4).Connect(p.client.Remote)
	require.Equal(t, syscall.EADDRNOTAVAIL, second.Errno)
	second.Local = netip.AddrPortFrom(l.A.IPv4, 0)
	p.client.Close()
	p.server.Read(1)
	p.server.Close()
	rows := p.both(t, clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(greeting, greeting, 0),
		clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(greeting, greeting, 0))
	return append(rows, clean(schema.CauseNoLocalPort, schema.InitiatorKernel).client(t, l.A, second))
}

// retransmitTimeout: the wire drops everything with data in flight. The client has a short user timeout.
func retransmitTimeout(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	p.client.Set(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 1_500)
	stop := l.B.Drop(t, "input", "meta l4proto tcp")
	p.client.Write(10)
	p.client.Wait(scenarioTimeout)
	p.client.Close()
	p.server.Linger0()
	p.server.Close()
	stop()
	client := clean(schema.CauseRetransmitTimeout, schema.InitiatorKernel).failed("ETIMEDOUT").bytes(greeting+10, greeting, 0)
	return p.both(t, client, sent(schema.CauseLingerAbort, schema.InitiatorLocal).bytes(greeting, greeting, 0))
}

func keepaliveTimeout(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	for option, value := range map[int]int{unix.TCP_KEEPIDLE: 1, unix.TCP_KEEPINTVL: 1, unix.TCP_KEEPCNT: 1} {
		p.client.Set(unix.IPPROTO_TCP, option, value)
	}
	p.client.Set(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	stop := l.B.Drop(t, "input", "meta l4proto tcp")
	p.client.Wait(scenarioTimeout)
	p.client.Close()
	p.server.Linger0()
	p.server.Close()
	stop()
	return p.both(t, sent(schema.CauseKeepaliveTimeout, schema.InitiatorKernel).failed("ETIMEDOUT").bytes(greeting, greeting, 0),
		sent(schema.CauseLingerAbort, schema.InitiatorLocal).bytes(greeting, greeting, 0))
}
