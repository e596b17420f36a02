// SPDX-License-Identifier: Apache-2.0

package endings

import (
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// zeroWindow: the server does not read, then the wire drops everything. The client has a short user timeout.
func zeroWindow(t testing.TB, l *lab.Lab) []Expect {
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 16)
	listener.Set(unix.SOL_SOCKET, unix.SO_RCVBUF, 4_096)
	p := &pair{lab: l, listener: listener, client: l.A.Actor(t, "client").Dial(listener.Local), server: listener.Accept()}
	p.client.Fill()
	p.client.AwaitPersist()
	stop := l.B.Drop(t, "input", "meta l4proto tcp")
	p.client.Set(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 1_500)
	p.client.Wait(scenarioTimeout)
	p.client.Close()
	p.server.Close()
	stop()
	return p.both(t, clean(schema.CauseZeroWindowTimeout, schema.InitiatorKernel).failed("ETIMEDOUT").anyBytes(),
		sent(schema.CauseCloseUnreadData, schema.InitiatorLocal).anyBytes())
}

// outOfMemory: the host allows no orphans, so the kernel aborts a closed socket whose FIN is not acknowledged. The limit
// counts for the whole machine: only a guest may change it.
func outOfMemory(t testing.TB, l *lab.Lab) []Expect {
	const limit = "/proc/sys/net/ipv4/tcp_max_orphans"
	if os.Getenv("TCPLEDGER_TEST_GUEST") == "" {
		t.Skip("net.ipv4.tcp_max_orphans is the whole machine's: only in a guest")
	}
	before, err := os.ReadFile(limit)
	require.NoError(t, err)
	p := connect(t, l, v4)
	defer l.B.Drop(t, "input", "tcp flags & fin == fin")()
	require.NoError(t, os.WriteFile(limit, []byte("0"), 0o644))
	p.client.Close()
	p.server.Wait(scenarioTimeout)
	require.NoError(t, os.WriteFile(limit, before, 0o644))
	return p.both(t, sent(schema.CauseOutOfMemory, schema.InitiatorLocal).bytes(greeting, greeting, 0),
		resetBy(schema.InitiatorPeer).bytes(greeting, greeting, 0))
}

// simultaneous: both close before either sees the other's FIN.
func simultaneous(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	const fins = "ip protocol tcp tcp flags & fin == fin"
	openA, openB := l.A.Drop(t, "input", fins), l.B.Drop(t, "input", fins)
	p.client.Close()
	p.server.Close()
	openA()
	openB()
	both := clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(greeting, greeting, 0)
	return p.both(t, both, both)
}

// portReused: the server's side of a connection is in TIME_WAIT when the same tuple connects again.
func portReused(t testing.TB, l *lab.Lab) []Expect {
	first := connect(t, l, v4)
	first.server.Close()
	first.client.Read(1)
	first.client.Close()
	first.client.AwaitGone()
	first.server.Await("time-wait")
	again := first.client.Actor.Open(l.B.IPv4)
	again.BindTo(first.client.Local)
	again.Connect(first.client.Remote)
	second := &pair{lab: l, listener: first.listener, client: again, server: first.listener.Accept()}
	second.client.Write(greeting)
	second.server.Read(greeting)
	second.client.Close()
	second.server.Read(1)
	second.server.Close()
	rows := first.both(t, clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(greeting, greeting, 0),
		clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(greeting, greeting, 0))
	return append(rows, second.both(t, clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(greeting, 0, 0),
		clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(0, greeting, 0))...)
}

// passed: another process is handed the client's descriptor, uses it and closes it: it is the owner.
func passed(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	p.client = p.client.PassTo(l.A.Actor(t, "heir"))
	p.server.Write(greeting)
	p.client.Read(greeting)
	p.client.Close()
	p.server.Read(1)
	p.server.Close()
	return p.both(t, clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(greeting, 2*greeting, 0),
		clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(2*greeting, greeting, 0))
}

// mptcpListener: a listener that would speak MPTCP serves a plain client: plain TCP on both ends.
func mptcpListener(t testing.TB, l *lab.Lab) []Expect {
	if !l.B.HasMPTCP(t) {
		t.Skip("the kernel is built without MPTCP")
	}
	listener := l.B.Actor(t, "server").ListenMPTCP(l.B.IPv4, 16)
	p := &pair{lab: l, listener: listener, client: l.A.Actor(t, "client").Dial(listener.Local), server: listener.Accept()}
	p.client.Write(greeting)
	p.server.Read(greeting)
	p.client.Close()
	p.server.Read(1)
	p.server.Close()
	return p.both(t, clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(greeting, 0, 0),
		clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(0, greeting, 0))
}

// silentServer: the accepted connection is never used by anybody and ends with the listener's process.
func silentServer(t testing.TB, l *lab.Lab) []Expect {
	p := connectSilent(t, l, v4)
	p.client.Close()
	p.server.Await("close-wait")
	p.server.Actor.Kill()
	return p.both(t, clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(0, 0, 0),
		clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(0, 0, 0))
}

// selfConnection: both ends in one process over loopback.
func selfConnection(t testing.TB, l *lab.Lab) []Expect {
	actor := l.A.Actor(t, "self")
	listener := actor.Listen(netip.MustParseAddr("127.0.0.1"), 4)
	client := actor.Dial(listener.Local)
	server := listener.Accept()
	client.Write(greeting)
	server.Read(greeting)
	server.Close()
	client.Read(1)
	client.Close()
	return []Expect{clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(greeting, 0, 0).client(t, l.A, client),
		clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(0, greeting, 0).server(t, l.A, server)}
}
