// SPDX-License-Identifier: Apache-2.0

package endings

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// rejecting makes host A's own firewall refuse what goes to the port without a listener.
func rejecting(t testing.TB, l *lab.Lab, with string) func() {
	t.Helper()
	return l.A.Reject(t, "output", "tcp dport 9", with)
}

// startRefused is a client that does not wait in connect() and is told of an error.
func startRefused(t testing.TB, l *lab.Lab, choose func(*lab.Host) netip.Addr) *lab.Socket {
	t.Helper()
	s := l.A.Actor(t, "client").Open(choose(l.B))
	s.Bind(choose(l.A))
	s.StartConnect(netip.AddrPortFrom(choose(l.B), nobody))
	require.Equal(t, syscall.EINPROGRESS, s.Errno)
	s.Wait(scenarioTimeout)
	return s
}

// firewallRefuses: this host's own firewall answers a connect() that does not wait. The application takes the error from the socket
// before it closes it.
func firewallRefuses(choose func(*lab.Host) netip.Addr, with string, want syscall.Errno, cause schema.Cause, by schema.Initiator) func(testing.TB, *lab.Lab) []Expect {
	return func(t testing.TB, l *lab.Lab) []Expect {
		defer rejecting(t, l, with)()
		s := startRefused(t, l, choose)
		require.Equal(t, want, s.TakeError())
		s.Close()
		return []Expect{clean(cause, by).failed(schema.ErrnoName(int32(want))).client(t, l.A, s)}
	}
}

// firewallUnasked: the same, and the application closes the socket without asking.
func firewallUnasked(t testing.TB, l *lab.Lab) []Expect {
	defer rejecting(t, l, "icmp type port-unreachable")()
	s := startRefused(t, l, v4)
	s.Close()
	return []Expect{clean(schema.CauseRefused, schema.InitiatorPeer).failed("ECONNREFUSED").client(t, l.A, s)}
}

// firewallErrorQueue: the application also empties the error queue. Only the report shows the error then, and a kernel before 5.14
// has no tracepoint for it.
func firewallErrorQueue(t testing.TB, l *lab.Lab) []Expect {
	if lab.KernelBefore(t, 5, 14) {
		t.Skip("the kernel has no tracepoint for reported errors")
	}
	defer rejecting(t, l, "icmp type port-unreachable")()
	s := startRefused(t, l, v4)
	require.Equal(t, syscall.ECONNREFUSED, s.TakeError())
	s.DrainErrors()
	s.Close()
	return []Expect{clean(schema.CauseRefused, schema.InitiatorPeer).failed("ECONNREFUSED").client(t, l.A, s)}
}

// oldError: a router says "host unreachable" during the life, then the path is there again. Nobody takes the error from the socket, and
// the connection closes in order.
func oldError(choose func(*lab.Host) netip.Addr, level, option int, with string) func(testing.TB, *lab.Lab) []Expect {
	return func(t testing.TB, l *lab.Lab) []Expect {
		p := connect(t, l, choose)
		p.client.Set(level, option, 1)
		stop := l.B.Reject(t, "input", "meta l4proto tcp", with)
		p.client.Write(10)
		p.client.Wait(scenarioTimeout)
		stop()
		p.server.Read(10)
		p.client.Close()
		p.server.Read(1)
		p.server.Close()
		return p.both(t, clean(schema.CauseLocalClose, schema.InitiatorLocal).failed("EHOSTUNREACH").bytes(greeting+10, greeting, 0),
			clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(greeting, greeting+10, 0))
	}
}

// oldErrorAborted: the same, and the client aborts.
func oldErrorAborted(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	p.client.Set(unix.IPPROTO_IP, unix.IP_RECVERR, 1)
	stop := l.B.Reject(t, "input", "meta l4proto tcp", "icmp type host-unreachable")
	p.client.Write(10)
	p.client.Wait(scenarioTimeout)
	stop()
	p.server.Read(10)
	p.client.Linger0()
	p.client.Close()
	p.server.Wait(scenarioTimeout)
	return p.both(t, sent(schema.CauseLingerAbort, schema.InitiatorLocal).failed("EHOSTUNREACH").bytes(greeting+10, greeting, 0),
		resetBy(schema.InitiatorPeer).bytes(greeting, greeting+10, 0))
}

// boundPortTaken: two sockets share a port and connect to one peer. The second cannot.
func boundPortTaken(choose func(*lab.Host) netip.Addr) func(testing.TB, *lab.Lab) []Expect {
	return func(t testing.TB, l *lab.Lab) []Expect {
		p := &pair{lab: l, listener: l.B.Actor(t, "server").Listen(choose(l.B), 16)}
		actor := l.A.Actor(t, "client")
		p.client = actor.Open(choose(l.B))
		p.client.Set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		p.client.Bind(choose(l.A))
		p.client.Connect(p.listener.Local)
		p.server = p.listener.Accept()
		second := actor.Open(choose(l.B))
		second.Set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		second.BindTo(p.client.Local)
		second.Connect(p.listener.Local)
		require.Equal(t, syscall.EADDRNOTAVAIL, second.Errno)
		p.client.Write(greeting)
		p.server.Read(greeting)
		p.client.Close()
		p.server.Read(1)
		p.server.Close()
		rows := p.both(t, clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(greeting, 0, 0),
			clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(0, greeting, 0))
		// Both have one tuple: the rows are in the order in which they end.
		return append([]Expect{clean(schema.CauseNoLocalPort, schema.InitiatorKernel).client(t, l.A, second)}, rows...)
	}
}
