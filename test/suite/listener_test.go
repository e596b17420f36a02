// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// crowd opens n connections that nobody accepts, without waiting.
func crowd(a *lab.Actor, to netip.AddrPort, n int) (clients []*lab.Socket) {
	for range n {
		clients = append(clients, a.Open(to.Addr()).StartConnect(to))
	}
	return clients
}

func closeAll(sockets []*lab.Socket) {
	for _, s := range sockets {
		s.Close()
	}
}

// overflow is a way to fill the queues of a listener of host B with a backlog of 4.
type overflow struct {
	run func(t testing.TB, l *lab.Lab, listener *lab.Socket)
	// counts says what the kernel's counters of host B gained.
	counts string
	// check sees the sum of the events.
	check func(t *testing.T, e *schema.Event)
	// twice: the kernel counts each packet twice, and only its kfree_skb tells, from 6.11 on.
	twice bool
}

const pureACK = "tcp flags & (syn|ack) == ack"

var overflows = map[string]overflow{
	"accept queue full": {
		run: func(t testing.TB, l *lab.Lab, listener *lab.Socket) {
			defer closeAll(crowd(l.A.Actor(t, "client"), listener.Local, 30))
			listener.AwaitQueue(5)
			atLeast(t, l.B, "TcpExtListenOverflows", 50) // the first try and one more
		},
		counts: "TcpExtListenOverflows",
	},
	"queue full at the last ACK": {
		run: func(t testing.TB, l *lab.Lab, listener *lab.Socket) {
			closeAll(fullAtTheLastACK(t, l, listener))
		},
		counts: "TcpExtListenOverflows", twice: true,
	},
	"tcp_abort_on_overflow": {
		run: func(t testing.TB, l *lab.Lab, listener *lab.Socket) {
			l.B.Sysctl(t, "net/ipv4/tcp_abort_on_overflow", "1")
			closeAll(fullAtTheLastACK(t, l, listener))
		},
		counts: "TcpExtListenOverflows", twice: true,
		check: func(t *testing.T, e *schema.Event) { require.GreaterOrEqual(t, e.Aborted, uint64(3)) },
	},
	"SYN queue full": {
		run: func(t testing.TB, l *lab.Lab, listener *lab.Socket) {
			l.B.Sysctl(t, "net/ipv4/tcp_syncookies", "0")
			defer l.B.Sysctl(t, "net/ipv4/tcp_syncookies", "1")
			defer l.B.Drop(t, "input", pureACK)()
			defer closeAll(crowd(l.A.Actor(t, "client"), listener.Local, 20))
			atLeast(t, l.B, "TcpExtTCPReqQFullDrop", 10)
		},
		counts: "TcpExtListenDrops",
	},
	"SYN cookies": {
		run: func(t testing.TB, l *lab.Lab, listener *lab.Socket) {
			defer l.B.Drop(t, "input", pureACK)()
			defer closeAll(crowd(l.A.Actor(t, "client"), listener.Local, 20))
			atLeast(t, l.B, "TcpExtSyncookiesSent", 10)
		},
		check: func(t *testing.T, e *schema.Event) { require.EqualValues(t, 1, e.SynCookies) },
	},
}

// fullAtTheLastACK: three handshakes lack their last packet, others fill the queue, then the packets come.
func fullAtTheLastACK(t testing.TB, l *lab.Lab, listener *lab.Socket) []*lab.Socket {
	late := l.A.Actor(t, "late")
	stop := l.B.Drop(t, "input", pureACK)
	clients := crowd(late, listener.Local, 3)
	atLeast(t, l.A, "TcpActiveOpens", 3)
	stop()
	clients = append(clients, crowd(late, listener.Local, 5)...)
	listener.AwaitQueue(5)
	atLeast(t, l.B, "TcpExtListenOverflows", 3)
	return clients
}

// atLeast waits until a counter of the host has grown so far since the namespace began.
func atLeast(t testing.TB, h *lab.Host, counter string, n int64) {
	t.Helper()
	require.Eventually(t, func() bool { return h.Counters(t)[counter] >= n }, kernelTimeout, 10*time.Millisecond, counter)
}

// TestListenersTellWhatTheyTurnAway: the sum of the events of a listener is what the kernel counted, with the listener's address,
// owner, queues and limit.
func TestListenersTellWhatTheyTurnAway(t *testing.T) {
	w := watching(t)
	type ran struct {
		name  string
		of    overflow
		b     namespace
		at    netip.AddrPort
		owner *lab.Actor
		want  int64
	}
	var all []ran
	for name, o := range overflows {
		for _, of := range []func(*lab.Host) netip.Addr{v4, v6} {
			world := lab.New(t)
			server := world.B.Actor(t, "server")
			listener := server.Listen(of(world.B), 4)
			o.run(t, world, listener)
			listener.Close() // packets that still come are no more its own
			all = append(all, ran{name, o, namespaceOf(t, world.B), listener.Local, server, world.B.Counters(t)[o.counts]})
		}
	}
	w.stop()
	for _, r := range all {
		events := w.happened(schema.KindListener, r.b)
		require.NotEmpty(t, events, r.name)
		all := schema.Event{}
		for _, e := range events {
			all.TurnedAway += e.TurnedAway
			all.Aborted += e.Aborted
			all.SynCookies |= e.SynCookies
			require.Equal(t, r.at, netip.AddrPortFrom(e.LocalIP, e.LocalPort), r.name)
			require.Equal(t, []any{r.owner.PID, r.owner.Comm, schema.StateListen, schema.RoleServer, uint32(4)},
				[]any{e.Owner.PID, e.Owner.Comm, e.State, e.Role, e.Backlog}, r.name)
		}
		if r.of.counts != "" {
			fmt.Printf("LISTENER\t%s %s\tkernel %d\tledger %d\n", r.name, r.at.Addr(), r.want, all.TurnedAway)
			if r.of.twice && lab.KernelBefore(t, 6, 11) {
				require.GreaterOrEqual(t, int64(all.TurnedAway), r.want, r.name)
			} else {
				require.EqualValues(t, r.want, all.TurnedAway, r.name)
			}
		}
		if r.of.check != nil {
			r.of.check(t, &all)
		}
	}
}

func v4(h *lab.Host) netip.Addr { return h.IPv4 }

func v6(h *lab.Host) netip.Addr { return h.IPv6 }
