// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
	"tcpledger/test/endings"
	"tcpledger/test/lab"
)

// TestCountersAgree: over every ending of the suite and more, what docs/counters.md derives from the ledger is what the
// kernel counted in the same namespaces.
func TestCountersAgree(t *testing.T) {
	world := lab.New(t)
	namespaces := []namespace{namespaceOf(t, world.A), namespaceOf(t, world.B)}
	w := watching(t, "--budget", "reset_sent=0", "--budget", "retransmit=0", "--budget", "retransmit_synack=0")
	before := counters(t, world)
	rows := 0
	for _, s := range endings.Scenarios() {
		t.Run(s.Name, func(t *testing.T) { rows += len(s.Run(t, world)) })
		world.A.Sysctl(t, "net/ipv4/tcp_fin_timeout", "60")
	}
	for _, name := range slices.Sorted(maps.Keys(moreLoad)) {
		t.Run(name, func(t *testing.T) { rows += moreLoad[name](t, world) })
	}
	w.until(rows, namespaces...)
	kernel := counters(t, world)
	for name := range kernel {
		kernel[name] -= before[name]
	}
	w.stop()
	require.Equal(t, rows, len(w.rows(namespaces...)))
	book := derive(w.rows(namespaces...), func(k schema.Kind) []*schema.Event { return w.happened(k, namespaces...) })
	for _, name := range slices.Sorted(maps.Keys(book)) {
		fmt.Printf("COUNTER\t%s\tkernel %d\tledger %d\n", name, kernel[name], book[name])
	}
	agree(t, kernel, book, slices.ContainsFunc(w.events, func(e schema.Event) bool { return e.Kind == schema.KindResetSent && e.ReasonRaw.Known }))
}

// counters sums those of both hosts.
func counters(t testing.TB, world *lab.Lab) map[string]int64 {
	t.Helper()
	sum := world.A.Counters(t)
	for name, value := range world.B.Counters(t) {
		sum[name] += value
	}
	return sum
}

func totals(c *schema.Checkpoint) map[string]uint64 {
	out := map[string]uint64{}
	for i, name := range c.Names {
		if c.Totals[i] > 0 {
			out[name] = c.Totals[i]
		}
	}
	return out
}

// moreLoad is the load that no scenario makes. Each function returns the number of rows to expect.
var moreLoad = map[string]func(testing.TB, *lab.Lab) int{
	"refusals":                 manyRefused,
	"aborts":                   manyAborts,
	"lost SYN":                 lostSyn,
	"lost SYN-ACK":             lostSynAck,
	"reset of a request":       embryonic,
	"a burst retransmitted":    lostBurst,
	"exit with linger":         exitLinger,
	"late data to TIME_WAIT":   lateToMinisock,
	"linger2 off in FIN_WAIT2": linger2InFinWait2,
}

func manyRefused(t testing.TB, l *lab.Lab) int {
	a := l.A.Actor(t, "client")
	for _, ip := range []netip.Addr{l.B.IPv4, l.B.IPv6} {
		a.StartRefusals(netip.AddrPortFrom(ip, 9), 50)
		a.FinishStorm()
	}
	return 100
}

func manyAborts(t testing.TB, l *lab.Lab) int {
	l.B.Actor(t, "storm").Storm(netip.MustParseAddr("127.0.0.1"), 100)
	return 200
}

// closedByClient ends a pair in good order: two rows.
func closedByClient(client, server *lab.Socket) int {
	client.Close()
	server.Read(1)
	server.Close()
	return 2
}

// lostSyn: the first SYN is dropped, the second gets through.
func lostSyn(t testing.TB, l *lab.Lab) int {
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 4)
	stop := dropping(t, l.B, "input", "tcp flags & (syn|ack) == syn")
	client := l.A.Actor(t, "client").Open(l.B.IPv4).StartConnect(listener.Local)
	require.Eventually(t, func() bool { return retransmitted(t, l.A) }, kernelTimeout, time.Millisecond)
	stop()
	return closedByClient(client, listener.Accept())
}

// lostSynAck: the server's kernel sends it again by its timer.
func lostSynAck(t testing.TB, l *lab.Lab) int {
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 4)
	before := l.B.Counters(t)["TcpRetransSegs"]
	stop := dropping(t, l.A, "input", "tcp flags & (syn|ack) == (syn|ack)")
	client := l.A.Actor(t, "client").Open(l.B.IPv4).StartConnect(listener.Local)
	require.Eventually(t, func() bool { return l.B.Counters(t)["TcpRetransSegs"] > before+1 }, kernelTimeout, time.Millisecond)
	stop()
	return closedByClient(client, listener.Accept())
}

// embryonic: the client closes before the SYN-ACK comes, and a reset answers the SYN-ACK.
func embryonic(t testing.TB, l *lab.Lab) int {
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 4)
	before := l.B.Counters(t)["TcpExtEmbryonicRsts"]
	stop := dropping(t, l.A, "input", "tcp flags & (syn|ack) == (syn|ack)")
	client := l.A.Actor(t, "client").Open(l.B.IPv4).StartConnect(listener.Local)
	client.Close()
	stop()
	require.Eventually(t, func() bool { return l.B.Counters(t)["TcpExtEmbryonicRsts"] > before }, kernelTimeout, time.Millisecond)
	return 1
}

// lostBurst: a window of segments is lost and sent again, several to a packet.
func lostBurst(t testing.TB, l *lab.Lab) int {
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 4)
	client := l.A.Actor(t, "client").Dial(listener.Local)
	server := listener.Accept()
	stop := dropping(t, l.B, "input", "meta l4proto tcp")
	before := l.A.Counters(t)["TcpRetransSegs"]
	client.Write(60_000)
	require.Eventually(t, func() bool { return l.A.Counters(t)["TcpRetransSegs"] > before }, kernelTimeout, time.Millisecond)
	stop()
	require.Equal(t, 60_000, server.Read(60_000))
	return closedByClient(client, server)
}

// exitLinger: a process with SO_LINGER 0 is killed.
func exitLinger(t testing.TB, l *lab.Lab) int {
	listener := l.B.Actor(t, "server").Listen(l.B.IPv6, 4)
	client := l.A.Actor(t, "client").Dial(listener.Local)
	server := listener.Accept()
	client.Linger0()
	client.Actor.Kill()
	server.Wait(kernelTimeout)
	return 2
}

// lateToMinisock: the client's socket is a FIN_WAIT2 minisock when data comes; its reset belongs to no counter of aborts.
func lateToMinisock(t testing.TB, l *lab.Lab) int {
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 4)
	client := l.A.Actor(t, "client").Dial(listener.Local)
	server := listener.Accept()
	client.Close()
	server.Read(1)
	client.Await("fin-wait-2")
	server.Write(10)
	server.Wait(kernelTimeout)
	return 2
}

func retransmitted(t testing.TB, h *lab.Host) bool {
	return strings.Contains(h.Run(t, "ss", "-Htnoi", "state", "syn-sent"), "retrans:")
}

// dropping is Drop that ends with the test at the latest, so that it does not disturb the next load.
func dropping(t testing.TB, h *lab.Host, hook, match string) func() {
	t.Helper()
	stop := sync.OnceFunc(h.Drop(t, hook, match))
	t.Cleanup(stop)
	return stop
}

// linger2InFinWait2: a socket with TCP_LINGER2 below 0 closes after its FIN is acknowledged.
func linger2InFinWait2(t testing.TB, l *lab.Lab) int {
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 4)
	client := l.A.Actor(t, "client").Dial(listener.Local)
	server := listener.Accept()
	client.Set(unix.IPPROTO_TCP, unix.TCP_LINGER2, -1)
	client.Shutdown(unix.SHUT_WR)
	server.Read(1)
	client.Await("fin-wait-2")
	client.Close()
	server.Wait(kernelTimeout)
	return 2
}
