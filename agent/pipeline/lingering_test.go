// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/agent/capture"
	"tcpledger/agent/clock"
	"tcpledger/bpf"
	"tcpledger/schema"
)

const leaks = 1000

// leak makes connections whose servers have read a request and never close.
func leak(t *testing.T, n int) []*net.TCPConn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	servers := make([]*net.TCPConn, 0, n)
	for range n {
		client, server := dial(t, listener)
		_, err = client.Write([]byte("?"))
		require.NoError(t, err)
		_, err = io.ReadFull(server, make([]byte, 1))
		require.NoError(t, err)
		require.NoError(t, client.Close())
		servers = append(servers, server)
	}
	require.NoError(t, listener.Close())
	return servers
}

func dial(t *testing.T, listener net.Listener) (client, server *net.TCPConn) {
	t.Helper()
	c, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	s, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = c.Close(), s.Close() }) // some are closed by then
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

func setFilter(t *testing.T, conn *net.TCPConn, deaf bool) {
	t.Helper()
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	filter(t, raw, deaf)
}

// filter makes a socket drop every packet that reaches it, or no more.
func filter(t *testing.T, raw syscall.RawConn, deaf bool) {
	t.Helper()
	var failed error
	require.NoError(t, raw.Control(func(fd uintptr) {
		drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
		if deaf {
			failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop[0]})
		} else {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
		}
	}))
	require.NoError(t, failed)
}

// TestAThousandLeaks: each makes one event, with its owner, however many scans there are; another state makes another event.
func TestAThousandLeaks(t *testing.T) {
	here := namespace(t)
	r := running(t, capture.DefaultConfig(), here)
	leak(t, leaks)
	r.until("the leaks", func() bool { return len(r.of(schema.StateCloseWait)) >= leaks })

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	client, server := dial(t, listener)
	require.NoError(t, listener.Close())
	setFilter(t, server, true)
	require.NoError(t, client.CloseWrite())
	r.until("the FIN nobody acknowledges", func() bool { return len(r.of(schema.StateFinWait1)) == 1 })
	setFilter(t, server, false)
	r.until("both ends half closed", func() bool {
		return len(r.of(schema.StateFinWait2)) == 1 && len(r.of(schema.StateCloseWait)) > leaks
	})

	last := r.stop()
	conns := map[uint64]bool{}
	for _, e := range r.of(schema.StateCloseWait) {
		require.False(t, conns[e.Conn], "connection %d made two events", e.Conn)
		conns[e.Conn] = true
		require.GreaterOrEqual(t, e.StateUS.Value, uint64(time.Second/time.Microsecond))
		require.True(t, e.LocalIP.IsLoopback() && e.RemoteIP.IsLoopback() && e.LocalPort != 0 && e.RemotePort != 0)
		require.EqualValues(t, 1, e.Weight)
		if e.LocalPort != uint16(listener.Addr().(*net.TCPAddr).Port) {
			require.EqualValues(t, os.Getpid(), e.Owner.PID)
			require.Equal(t, schema.OwnerRead, e.How)
		}
	}
	require.Len(t, conns, leaks+1)
	waited, half := r.of(schema.StateFinWait1)[0], r.of(schema.StateFinWait2)[0]
	require.Equal(t, waited.Conn, half.Conn)
	require.Equal(t, client.LocalAddr().(*net.TCPAddr).AddrPort().Port(), half.LocalPort)
	require.EqualValues(t, os.Getpid(), half.Owner.PID)
	r.complete(last)
}

// TestLingeringSinceBeforeTheAgent: the kernel tells how long at least.
func TestLingeringSinceBeforeTheAgent(t *testing.T) {
	here := namespace(t)
	before := time.Now()
	leak(t, 1)
	after := time.Now()
	require.Eventually(t, func() bool { return time.Since(after) > 1500*time.Millisecond }, patience, time.Millisecond, "it lingers by then")
	r := running(t, capture.DefaultConfig(), here)
	r.until("the leak", func() bool { return len(r.of(schema.StateCloseWait)) == 1 })
	r.complete(r.stop())
	e := r.of(schema.StateCloseWait)[0]
	require.True(t, e.StateUS.Known)
	require.Greater(t, e.StateUS.Value, uint64(1_400_000), "longer than the agent has been there")
	require.Less(t, e.StateUS.Value, uint64(time.Since(before).Microseconds()))
	require.Equal(t, schema.OwnerSeed, e.How)
	require.EqualValues(t, os.Getpid(), e.Owner.PID)
	require.True(t, e.RemoteIP.IsLoopback())
}

// deafEnds makes sockets in CLOSING, FIN_WAIT1 and LAST_ACK, whose FIN the timer has sent again more than once.
func deafEnds(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	closing, finWait := dial(t, listener)
	setFilter(t, finWait, true)
	require.NoError(t, closing.CloseWrite())
	require.NoError(t, finWait.CloseWrite())
	deaf, lastAck := dial(t, listener)
	require.NoError(t, deaf.CloseWrite())
	_, err = lastAck.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	setFilter(t, deaf, true)
	require.NoError(t, lastAck.CloseWrite())
	for _, conn := range []*net.TCPConn{finWait, lastAck} {
		require.Eventually(t, func() bool { return timeouts(t, conn) > 1 }, patience, time.Millisecond)
	}
}

// timeouts are those in a row without an acknowledgement.
func timeouts(t *testing.T, conn *net.TCPConn) (n uint8) {
	t.Helper()
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	var failed error
	require.NoError(t, raw.Control(func(fd uintptr) {
		var info *unix.TCPInfo
		if info, failed = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); failed == nil {
			n = info.Retransmits
		}
	}))
	require.NoError(t, failed)
	return n
}

// TestLastPacketsSinceBeforeTheAgent: the kernel tells how long at least a FIN has had no answer.
func TestLastPacketsSinceBeforeTheAgent(t *testing.T) {
	here := namespace(t)
	made, err := clock.Now()
	require.NoError(t, err)
	deafEnds(t)
	begun, err := clock.Now()
	require.NoError(t, err)
	r := running(t, capture.DefaultConfig(), here)
	states := []schema.State{schema.StateClosing, schema.StateFinWait1, schema.StateLastAck}
	for _, state := range states {
		r.until(state.String(), func() bool { return len(r.of(state)) == 1 })
	}
	r.complete(r.stop())
	for _, state := range states {
		e := r.of(state)[0]
		require.True(t, e.StateUS.Known, state)
		since := e.At - e.StateUS.Value*1000
		require.Greater(t, since, made, state)
		if state != schema.StateClosing { // there each FIN that the peer sends again counts
			require.Less(t, since, begun, state)
		}
	}
}

// TestOwnLingeringIsLeftOut and counted.
func TestOwnLingeringIsLeftOut(t *testing.T) {
	here := namespace(t)
	r := running(t, with(func(c *capture.Config) { c.OwnPIDs = []int{os.Getpid()} }), here)
	leak(t, 3)
	r.untilTotal("own_lingering", 3)
	r.complete(r.stop())
	require.Empty(t, r.of(schema.StateCloseWait))
}

func TestWhatLingers(t *testing.T) {
	var states []schema.State
	for s := range uint8(16) {
		if lingers(s) {
			states = append(states, schema.State(s))
		}
	}
	slices.Sort(states)
	require.Equal(t, []schema.State{schema.StateFinWait1, schema.StateFinWait2, schema.StateCloseWait, schema.StateLastAck, schema.StateClosing}, states)
}

// TestEachStayOnce: whenever scans begin, a stay becomes too long in exactly one of them.
func TestEachStayOnce(t *testing.T) {
	l := newLingering(nil, time.Second)
	found := map[uint64]int{}
	for _, l.until = range []uint64{5, 1e9, 1e9 + 1, 3e9, 3e9 + 1, 9e9} {
		for at := range uint64(100) {
			c := bpf.ConnState{State: uint8(schema.StateCloseWait), StateAt: at * 37e6}
			if l.tooLong(&c) {
				found[at]++
				require.LessOrEqual(t, c.StateAt+l.after, l.until)
			}
		}
		l.from = l.until
	}
	for at := range uint64(100) {
		require.Equal(t, 1, found[at])
	}
}
