// SPDX-License-Identifier: Apache-2.0

package endings

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// fastOpenUnanswered: the server accepts a connection of TCP Fast Open, whose client never gets the SYN-ACK.
func fastOpenUnanswered(choose func(*lab.Host) netip.Addr) func(testing.TB, *lab.Lab) []Expect {
	return func(t testing.TB, l *lab.Lab) []Expect {
		l.A.Sysctl(t, "net/ipv4/tcp_fastopen", "5")   // send data without a cookie
		l.B.Sysctl(t, "net/ipv4/tcp_fastopen", "514") // take data without a cookie
		l.B.Sysctl(t, "net/ipv4/tcp_synack_retries", "1")
		listener := l.B.Actor(t, "server").Listen(choose(l.B), 16)
		listener.Set(unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 16)
		defer l.A.Drop(t, "input", "tcp flags & (syn|ack) == (syn|ack)")()
		p := &pair{lab: l, listener: listener, client: l.A.Actor(t, "client").Open(choose(l.B))}
		p.client.Bind(choose(l.A))
		p.client.FastOpen(listener.Local, greeting)
		require.Zero(t, p.client.Errno)
		p.server = listener.Accept()
		p.server.Read(greeting)
		p.client.Close()
		p.server.Wait(scenarioTimeout)
		p.server.Close()
		return p.both(t, clean(schema.CauseConnectAbandoned, schema.InitiatorLocal).anyBytes(),
			clean(schema.CauseHandshakeFailed, schema.InitiatorKernel).failed("ETIMEDOUT").bytes(0, greeting, 0))
	}
}

// restored: a server's connection goes on in a socket that TCP_REPAIR makes, as CRIU restores it.
func restored(choose func(*lab.Host) netip.Addr) func(testing.TB, *lab.Lab) []Expect {
	return func(t testing.TB, l *lab.Lab) []Expect {
		p := connect(t, l, choose)
		p.listener.Close() // its port is the restored socket's
		again := p.server.Restore()
		p.client.Write(10)
		again.Read(10)
		p.client.Close()
		again.Read(1)
		again.Close()
		rows := p.both(t, clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(greeting+10, greeting, 0),
			clean(schema.CauseUnknown, schema.InitiatorUnknown).bytes(greeting, greeting, 0))
		row := clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(0, 10, 0).client(t, l.B, again)
		row.Role, row.Restored = schema.RoleUnknown, true
		return append(rows, row)
	}
}

// ringKilled: a process is killed while io_uring alone holds its socket, with a read in flight.
func ringKilled(t testing.TB, l *lab.Lab) []Expect {
	if errno := l.A.Actor(t, "probe").Open(l.B.IPv4).HoldByRing(); errno != 0 {
		t.Skip("no io_uring on this kernel: " + errno.Error())
	}
	p := connect(t, l, v4)
	require.Zero(t, p.client.HoldByRing())
	p.client.Close()
	p.client.Actor.Kill()
	p.server.Read(1)
	p.server.Close()
	client := clean(schema.CauseProcessExit, schema.InitiatorLocal).bytes(greeting, greeting, 0)
	client.MayBeUnknown = true
	return p.both(t, client, clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(greeting, greeting, 0))
}
