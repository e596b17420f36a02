// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/agent/capture"
	"tcpledger/schema"
)

// plain listens for plain TCP: an MPTCP socket takes no filter.
func plain(t *testing.T) *net.TCPListener {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() }) // some are closed by then
	return l.(*net.TCPListener)
}

func connected(t *testing.T) (client, server *net.TCPConn) {
	t.Helper()
	l := plain(t)
	client, server = dial(t, l)
	require.NoError(t, l.Close())
	return client, server
}

func port(a net.Addr) uint16 { return a.(*net.TCPAddr).AddrPort().Port() }

// ending waits for the record of the client's or the server's end.
func (r *live) ending(conn *net.TCPConn) schema.Connection {
	r.t.Helper()
	return r.endingOf(port(conn.LocalAddr()), port(conn.RemoteAddr()))
}

func (r *live) endingOf(local, remote uint16) (found schema.Connection) {
	r.t.Helper()
	r.until("the ending", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range r.ended {
			if c.NetNS == r.netns && c.LocalPort == local && c.RemotePort == remote {
				found = c
				return true
			}
		}
		return false
	})
	return found
}

// event waits for an event of the test's namespace.
func (r *live) event(kind schema.Kind, wanted func(*schema.Event) bool) (found schema.Event) {
	r.t.Helper()
	r.until(kind.String(), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range r.events {
			if e.NetNS == r.netns && e.Kind == kind && wanted(&e) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

func await(t *testing.T, conn *net.TCPConn, state schema.State, unread int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		there := false
		require.NoError(t, raw.Control(func(fd uintptr) {
			info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
			queued, errQueued := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
			there = err == nil && errQueued == nil && info.State == uint8(state) && queued >= unread
		}))
		return there
	}, patience, time.Millisecond)
}

// TestResetInLastState: a close that resets is recognized also while both FINs are under way.
func TestResetInLastState(t *testing.T) {
	const data = "unread"
	for name, test := range map[string]struct {
		end  func(t *testing.T, client, server *net.TCPConn)
		want schema.Verdict
		last schema.State
	}{
		"unread in LAST_ACK": {func(t *testing.T, client, server *net.TCPConn) {
			require.NoError(t, client.CloseWrite())
			await(t, server, schema.StateCloseWait, len(data))
			setFilter(t, client, true) // it never hears of our FIN
			require.NoError(t, server.CloseWrite())
			await(t, server, schema.StateLastAck, 0)
		}, schema.Verdict{Cause: schema.CauseCloseUnreadData, Initiator: schema.InitiatorPeer, Reset: schema.ResetSent}, schema.StateLastAck},
		"unread in CLOSING": {func(t *testing.T, client, server *net.TCPConn) {
			await(t, server, schema.StateEstablished, len(data))
			setFilter(t, client, true)
			require.NoError(t, server.CloseWrite())
			require.NoError(t, client.CloseWrite())
			await(t, server, schema.StateClosing, 0)
		}, schema.Verdict{Cause: schema.CauseCloseUnreadData, Initiator: schema.InitiatorLocal, Reset: schema.ResetSent}, schema.StateClosing},
		"linger 0 in LAST_ACK": {func(t *testing.T, client, server *net.TCPConn) {
			_, err := server.Read(make([]byte, len(data)))
			require.NoError(t, err)
			require.NoError(t, client.CloseWrite())
			await(t, server, schema.StateCloseWait, 0)
			setFilter(t, client, true)
			require.NoError(t, server.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
			_, err = server.Write(make([]byte, 8<<20))
			require.ErrorIs(t, err, os.ErrDeadlineExceeded, "more than is ever sent")
			require.NoError(t, server.CloseWrite())
			await(t, server, schema.StateLastAck, 0)
			require.NoError(t, server.SetLinger(0))
		}, schema.Verdict{Cause: schema.CauseLingerAbort, Initiator: schema.InitiatorPeer, Reset: schema.ResetSent}, schema.StateLastAck},
	} {
		t.Run(name, func(t *testing.T) {
			r := running(t, capture.DefaultConfig(), namespace(t))
			client, server := connected(t)
			_, err := client.Write([]byte(data))
			require.NoError(t, err)
			test.end(t, client, server)
			require.NoError(t, server.Close())
			c := r.ending(server)
			require.Equal(t, test.last, c.LastState)
			require.Equal(t, test.want, schema.Decide(&c))
		})
	}
}

// TestRepairedIsNotReset: the kernel closes a connection in repair mode without a reset, even with unread data.
func TestRepairedIsNotReset(t *testing.T) {
	r := running(t, capture.DefaultConfig(), namespace(t))
	client, server := connected(t)
	_, err := client.Write([]byte("unread"))
	require.NoError(t, err)
	await(t, server, schema.StateEstablished, 6)
	raw, err := server.SyscallConn()
	require.NoError(t, err)
	var failed error
	require.NoError(t, raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_REPAIR, 1) }))
	require.NoError(t, failed)
	require.NoError(t, server.Close())
	c := r.ending(server)
	require.Equal(t, schema.Verdict{Cause: schema.CauseUnknown, Initiator: schema.InitiatorUnknown, Reset: schema.ResetNone}, schema.Decide(&c))
}

// openSocket makes one that connects, is disconnected and connects again, as nothing of package net does.
func openSocket(t *testing.T, flags int) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) }) // some are closed by then
	return fd
}

func disconnect(t *testing.T, fd int) {
	t.Helper()
	var unspecified [16]byte
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&unspecified)), unsafe.Sizeof(unspecified))
	require.Zero(t, errno)
}

func localhost(port uint16) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: int(port), Addr: netip.MustParseAddr("127.0.0.1").As4()}
}

func localPort(t *testing.T, fd int) uint16 {
	t.Helper()
	name, err := unix.Getsockname(fd)
	require.NoError(t, err)
	return uint16(name.(*unix.SockaddrInet4).Port)
}

// TestErrorOfAnEarlierConnect: a refusal that the application has not read stays in the socket; the next connect() finds no port.
func TestErrorOfAnEarlierConnect(t *testing.T) {
	r := running(t, capture.DefaultConfig(), namespace(t))
	require.NoError(t, os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("40000 40001"), 0o644))
	l, err := net.Listen("tcp", "127.0.0.1:80")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	fd := openSocket(t, unix.SOCK_NONBLOCK)
	require.ErrorIs(t, unix.Connect(fd, localhost(81)), unix.EINPROGRESS)
	refused := r.endingOf(localPort(t, fd), 81)
	require.Equal(t, schema.CauseRefused, schema.Decide(&refused).Cause)
	disconnect(t, fd)
	for range 2 { // all ports there are
		dial(t, l)
	}
	require.ErrorIs(t, unix.Connect(fd, localhost(80)), unix.EADDRNOTAVAIL)
	r.until("the connection without a port", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range r.ended {
			if c.NetNS == r.netns && c.RemotePort == 80 && c.SegsOut == 0 {
				return c.Error == int32(unix.ECONNREFUSED) && schema.Decide(&c).Cause == schema.CauseUnknown
			}
		}
		return false
	})
}

// TestAgesOfData: of a direction that had no data there is no age.
func TestAgesOfData(t *testing.T) {
	r := running(t, capture.DefaultConfig(), namespace(t))
	client, server := connected(t)
	_, err := client.Write([]byte("x"))
	require.NoError(t, err)
	_, err = server.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, client.Close())
	_, err = server.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, server.Close())
	c, s := r.ending(client), r.ending(server)
	require.True(t, c.LastTxAgeMS.Known && s.LastRxAgeMS.Known)
	require.False(t, c.LastRxAgeMS.Known, "a FIN is no data")
	require.False(t, s.LastTxAgeMS.Known)
}
