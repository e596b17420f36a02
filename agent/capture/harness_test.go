// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"tcpledger/bpf"
	"tcpledger/schema"
	"tcpledger/test/lab"
	"tcpledger/test/wait"
)

// patience bounds every wait for something that must happen.
const patience = wait.Long

// privileged skips if the kernel side cannot run, unless it must.
func privileged(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("TCPLEDGER_REQUIRE_PRIVILEGED") == "1" {
		t.Fatal("needs root, and TCPLEDGER_REQUIRE_PRIVILEGED=1 forbids to skip")
	}
	t.Skip("needs root: it loads BPF programs and makes network namespaces")
}

// namespace moves the test's thread into a network namespace of its own, with
// loopback up. The thread ends with the test, and the namespace with it.
func namespace(t testing.TB) {
	t.Helper()
	runtime.LockOSThread()
	ns, err := netns.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	lo, err := netlink.LinkByName("lo")
	require.NoError(t, err)
	require.NoError(t, netlink.LinkSetUp(lo))
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	require.NoError(t, err)
	defer handle.Close()
	lab.QuickAck(t, handle)
}

// with is the default configuration with a change.
func with(change func(*Config)) Config {
	c := DefaultConfig()
	change(&c)
	return c
}

// watch keeps what was read, so that order does not matter: the head of every
// record, and all of those that belong to the test's own network namespace.
type watch struct {
	*Capture
	t           testing.TB
	netns       uint32
	connections []bpf.Connection
	events      []bpf.Event
	stacks      []bpf.Stack
	heads       []bpf.Head
}

// started returns a running capture that ends with the test.
func started(t testing.TB, config Config) *watch {
	t.Helper()
	c, err := New(config)
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return watching(t, c)
}

func watching(t testing.TB, c *Capture) *watch {
	t.Helper()
	var here unix.Stat_t
	require.NoError(t, unix.Stat("/proc/thread-self/ns/net", &here))
	return &watch{Capture: c, t: t, netns: uint32(here.Ino)}
}

// next reads one record; false: there was none for the deadline.
func (w *watch) next() bool {
	w.t.Helper()
	var rec bpf.Record
	err := w.Read(&rec)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	require.NoError(w.t, err)
	w.heads = append(w.heads, *rec.Head())
	switch rec.Kind {
	case bpf.KindConnection:
		if rec.Connection.Tuple.NetNS == w.netns {
			w.connections = append(w.connections, rec.Connection)
		}
	case bpf.KindStack:
		w.stacks = append(w.stacks, rec.Stack)
	default:
		if rec.Event.Tuple.NetNS == w.netns {
			w.events = append(w.events, rec.Event)
		}
	}
	return true
}

// states gives all that a scan of the state map finds.
func (w *watch) states() (all []bpf.ConnState) {
	w.t.Helper()
	scan := w.ScanConns()
	for more := true; more; {
		states, next, err := scan.Next()
		require.NoError(w.t, err)
		all, more = append(all, states...), next
	}
	return all
}

// drain reads what the ring holds.
func (w *watch) drain() {
	w.t.Helper()
	for w.next() {
	}
}

// until reads on until found says so.
func (w *watch) until(what string, found func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !found(); w.next() {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s did not come", what)
		}
	}
}

// untilTotal reads on until a counter is there.
func (w *watch) untilTotal(name string, atLeast uint64) {
	w.t.Helper()
	w.until(name, func() bool {
		totals, err := w.Totals()
		require.NoError(w.t, err)
		return totals[name] >= atLeast
	})
}

// connection waits for the ending of the socket between these two.
func (w *watch) connection(local, remote netip.AddrPort) bpf.Connection {
	w.t.Helper()
	var found bpf.Connection
	w.until("the connection's record", func() bool {
		for _, connection := range w.connections {
			if matches(&connection.Tuple, local, remote) {
				found = connection
				return true
			}
		}
		return false
	})
	return found
}

// event waits for the first event of a kind for which wanted holds.
func (w *watch) event(kind bpf.Kind, wanted func(*bpf.Event) bool) bpf.Event {
	w.t.Helper()
	var found bpf.Event
	w.until(schema.Kind(kind).String(), func() bool {
		for i := range w.events {
			if w.events[i].Head.Kind == kind && wanted(&w.events[i]) {
				found = w.events[i]
				return true
			}
		}
		return false
	})
	return found
}

// between picks the events of the socket between these two.
func between(local, remote netip.AddrPort) func(*bpf.Event) bool {
	return func(e *bpf.Event) bool { return matches(&e.Tuple, local, remote) }
}

func matches(tuple *bpf.Tuple, local, remote netip.AddrPort) bool {
	return tuple.LocalPort == local.Port() && tuple.RemotePort == remote.Port() &&
		tuple.LocalIP == local.Addr().As16() && tuple.RemoteIP == remote.Addr().As16()
}

// pair is an established connection within this process.
type pair struct {
	client, server *net.TCPConn
	from, to       netip.AddrPort
}

func connect(t testing.TB, host string) pair {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	require.NoError(t, err)
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			accepted <- conn
		}
		close(accepted)
	}()
	client, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	server, ok := <-accepted
	require.True(t, ok)
	require.NoError(t, listener.Close())
	t.Cleanup(func() { closeQuietly(client, server) })
	return pair{
		client: client.(*net.TCPConn), server: server.(*net.TCPConn),
		from: client.LocalAddr().(*net.TCPAddr).AddrPort(), to: client.RemoteAddr().(*net.TCPAddr).AddrPort(),
	}
}

// closeQuietly closes what the test may have closed itself.
func closeQuietly(conns ...net.Conn) {
	for _, conn := range conns {
		if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			continue
		}
	}
}

// enter moves the calling thread into a network namespace.
func enter(ns *os.File) error {
	return netns.Set(netns.NsHandle(ns.Fd()))
}
