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

func clientCloses(choose func(*lab.Host) netip.Addr) func(testing.TB, *lab.Lab) []Expect {
	return func(t testing.TB, l *lab.Lab) []Expect {
		p := connect(t, l, choose)
		p.client.Close()
		p.server.Read(1)
		p.server.Close()
		return p.both(t, clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(greeting, greeting, 0),
			clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(greeting, greeting, 0))
	}
}

func serverCloses(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	p.server.Close()
	p.client.Read(1)
	p.client.Close()
	return p.both(t, clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(greeting, greeting, 0),
		clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(greeting, greeting, 0))
}

// mapped is a client that speaks IPv4 through an IPv6 socket.
func mapped(t testing.TB, l *lab.Lab) []Expect {
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 16)
	to := netip.AddrPortFrom(netip.AddrFrom16(l.B.IPv4.As16()), listener.Local.Port())
	p := &pair{lab: l, listener: listener, client: l.A.Actor(t, "client").Dial(to), server: listener.Accept()}
	p.client.Write(greeting)
	p.server.Read(greeting)
	p.client.Close()
	p.server.Read(1)
	p.server.Close()
	return p.both(t, clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(greeting, 0, 0),
		clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(0, greeting, 0))
}

// halfClose is a client that says it is done and still reads a long answer.
func halfClose(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	p.client.Shutdown(unix.SHUT_WR)
	p.server.Read(1)
	p.server.Write(5_000)
	p.client.Read(5_000)
	p.server.Close()
	p.client.Read(1)
	p.client.Close()
	return p.both(t, clean(schema.CauseLocalShutdown, schema.InitiatorLocal).bytes(greeting, greeting+5_000, 0),
		clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(greeting+5_000, greeting, 0))
}

// answerUnread is a client whose connection ended, by both FINs, before it read the answer.
func answerUnread(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	p.client.Shutdown(unix.SHUT_WR)
	p.server.Read(1)
	p.server.Write(5_000)
	p.server.Close()
	p.client.Await("time-wait")
	require.Equal(t, 5_000, p.client.Read(5_001))
	p.client.Close()
	return p.both(t, clean(schema.CauseLocalShutdown, schema.InitiatorLocal).bytes(greeting, greeting+5_000, 5_000),
		clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(greeting+5_000, greeting, 0))
}

// processExits is a client that is killed with its connection open.
func processExits(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	p.client.Actor.Kill()
	p.server.Read(1)
	p.server.Close()
	return p.both(t, clean(schema.CauseProcessExit, schema.InitiatorLocal).bytes(greeting, greeting, 0),
		clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(greeting, greeting, 0))
}

// manyBytes moves more than a window either way.
func manyBytes(t testing.TB, l *lab.Lab) []Expect {
	const much = 300_000
	p := connectSilent(t, l, v6)
	for range 10 {
		p.client.Write(much / 10)
		p.server.Read(much / 10)
		p.server.Write(much / 10)
		p.client.Read(much / 10)
	}
	p.client.Close()
	p.server.Read(1)
	p.server.Close()
	return p.both(t, clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(much, much, 0),
		clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(much, much, 0))
}

// heldDead is a connection whose record must not wait for the application, which keeps the dead descriptor open.
func heldDead(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	p.server.Close()
	p.client.Read(1)
	p.client.Shutdown(unix.SHUT_WR) // the last FIN; the descriptor stays open until the lab ends
	return p.both(t, clean(schema.CausePeerClose, schema.InitiatorPeer).bytes(greeting, greeting, 0),
		clean(schema.CauseLocalClose, schema.InitiatorLocal).bytes(greeting, greeting, 0))
}
