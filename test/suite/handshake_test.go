// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/lab"
	"tcpledger/test/wait"
)

// handshakes is a way in which handshakes with a listener of host B come to nothing.
type handshakes struct {
	run func(t testing.TB, l *lab.Lab, listener *lab.Socket)
	// expired and reset are how many end in each way.
	expired, reset, aborted int
	// since is the first kernel that shows them.
	since [2]int
}

const synAck = "tcp flags & (syn|ack) == (syn|ack)"

var cameToNothing = map[string]handshakes{
	"nobody answers": {
		run: func(t testing.TB, l *lab.Lab, listener *lab.Socket) {
			defer l.A.Drop(t, "input", synAck)()
			flood(t, l, listener, 7)
			listener.AwaitHalfOpen(7)
			listener.AwaitHalfOpen(0)
		},
		expired: 7,
	},
	"a reset after a second": {
		run: func(t testing.TB, l *lab.Lab, listener *lab.Socket) {
			stop := l.A.Drop(t, "input", synAck)
			flood(t, l, listener, 5)
			atLeast(t, l.B, "TcpExtTCPSynRetrans", 5)
			stop()
			flood(t, l, listener, 5) // asks for the SYN-ACK again
			listener.AwaitHalfOpen(0)
		},
		reset: 5,
	},
	"a reset at once": {
		run: func(t testing.TB, l *lab.Lab, listener *lab.Socket) {
			flood(t, l, listener, 6)
			listener.AwaitHalfOpen(0)
		},
		reset: 6, since: [2]int{6, 11},
	},
	"a late answer": {
		run: func(t testing.TB, l *lab.Lab, listener *lab.Socket) {
			stop := l.A.Drop(t, "input", synAck)
			clients := crowd(l.A.Actor(t, "client"), listener.Local, 3)
			atLeast(t, l.B, "TcpExtTCPSynRetrans", 3)
			stop()
			listener.AwaitQueue(3)
			closeAll(clients)
		},
	},
	"a stray packet and tcp_abort_on_overflow": {
		run: func(t testing.TB, l *lab.Lab, listener *lab.Socket) {
			l.B.Sysctl(t, "net/ipv4/tcp_abort_on_overflow", "1")
			l.A.Send(t, netip.AddrPortFrom(sender(l, listener), 30000), listener.Local, lab.ACK)
			atLeast(t, l.B, "TcpOutRsts", 1)
		},
		since: [2]int{6, 10},
	},
}

// sender is the address of host A in the listener's family.
func sender(l *lab.Lab, listener *lab.Socket) netip.Addr {
	if listener.Local.Addr().Is4() {
		return l.A.IPv4
	}
	return l.A.IPv6
}

// flood sends n SYNs of which no socket of host A knows.
func flood(t testing.TB, l *lab.Lab, listener *lab.Socket, n int) {
	for i := range n {
		l.A.Send(t, netip.AddrPortFrom(sender(l, listener), uint16(20000+i)), listener.Local, lab.SYN)
	}
}

// TestListenersTellHowHandshakesEnd: each that came to nothing is counted once, and none that became a connection.
func TestListenersTellHowHandshakesEnd(t *testing.T) {
	w := watching(t)
	type ran struct {
		name string
		of   handshakes
		b    namespace
	}
	var all []ran
	for name, h := range cameToNothing {
		if lab.KernelBefore(t, h.since[0], h.since[1]) {
			continue
		}
		for _, of := range []func(*lab.Host) netip.Addr{v4, v6} {
			world := lab.New(t)
			world.B.Sysctl(t, "net/ipv4/tcp_synack_retries", "1")
			h.run(t, world, world.B.Actor(t, "server").Listen(of(world.B), 64))
			all = append(all, ran{name + " " + of(world.B).String(), h, namespaceOf(t, world.B)})
		}
	}
	sum := func(r *ran) (expired, reset, aborted int) {
		for _, e := range w.happened(schema.KindListener, r.b) {
			expired, reset, aborted = expired+int(e.HalfOpenExpired), reset+int(e.HalfOpenReset), aborted+int(e.Aborted)
		}
		return expired, reset, aborted
	}
	w.readUntil(t, boottime(t)+uint64(wait.Long), func() bool {
		for i := range all {
			if expired, reset, _ := sum(&all[i]); expired < all[i].of.expired || reset < all[i].of.reset {
				return false
			}
		}
		return true
	})
	w.stop()
	for i := range all {
		r := &all[i]
		expired, reset, aborted := sum(r)
		fmt.Printf("HANDSHAKES\t%s\texpired %d of %d\treset %d of %d\n", r.name, expired, r.of.expired, reset, r.of.reset)
		require.Equal(t, []int{r.of.expired, r.of.reset, r.of.aborted}, []int{expired, reset, aborted}, r.name)
	}
}

// TestListenersCountTheirCookies: from the second look at a namespace on.
func TestListenersCountTheirCookies(t *testing.T) {
	w := watching(t)
	world := lab.New(t)
	world.B.Drop(t, "input", pureACK)
	server, b := world.B.Actor(t, "server"), namespaceOf(t, world.B)
	var of []*schema.Event // the events of a listener that sent cookies
	flooded := func(listener *lab.Socket) uint64 {
		before := world.B.Counters(t)["TcpExtSyncookiesSent"]
		clients := crowd(world.A.Actor(t, "client"), listener.Local, 20)
		atLeast(t, world.B, "TcpExtSyncookiesSent", before+10)
		closeAll(clients)
		return uint64(world.B.Counters(t)["TcpExtSyncookiesSent"] - before)
	}
	tells := func(listener *lab.Socket, done func() bool) {
		require.True(t, w.readUntil(t, boottime(t)+uint64(wait.Long), func() bool {
			of = slices.DeleteFunc(w.happened(schema.KindListener, b), func(e *schema.Event) bool {
				return e.SynCookies == 0 || e.LocalPort != listener.Local.Port()
			})
			return done()
		}))
	}
	first := server.Listen(world.B.IPv4, 4)
	flooded(first)
	tells(first, func() bool { return len(of) > 0 })
	require.False(t, of[0].CookiesSent.Known, "no look at this namespace came before")
	second := server.Listen(world.B.IPv6, 4)
	sent := flooded(second)
	tells(second, func() bool {
		var sum uint64
		for _, e := range of {
			require.True(t, e.CookiesSent.Known)
			sum += e.CookiesSent.Value
		}
		return sum >= sent
	})
	w.stop()
	tells(second, func() bool { return true })
	var sum uint64
	for _, e := range of {
		sum += e.CookiesSent.Value
	}
	fmt.Printf("COOKIES\tkernel %d\tledger %d\n", sent, sum)
	require.Equal(t, sent, sum)
}
