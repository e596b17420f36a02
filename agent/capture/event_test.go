// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/bpf"
)

const (
	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
)

// deaf makes a socket drop every packet that reaches it.
func deaf(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
		failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: 1, Filter: &drop[0]})
	})
	if err != nil {
		return err
	}
	return failed
}

// dialBriefly tries long enough for one retransmission, in the caller's thread.
func dialBriefly(t *testing.T, control func(string, string, syscall.RawConn) error, address string) {
	t.Helper()
	dialer := net.Dialer{Control: control, Timeout: 1500 * time.Millisecond}
	conn, err := dialer.Dial("tcp", address)
	if err == nil {
		closeQuietly(conn)
	}
	require.Error(t, err)
}

// TestDroppedAndRetransmitted: the listener does not hear, the client tries again and gives up.
func TestDroppedAndRetransmitted(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	listener, err := (&net.ListenConfig{Control: deaf}).Listen(context.Background(), "tcp", "[::1]:0")
	require.NoError(t, err)
	dialBriefly(t, nil, listener.Addr().String())
	require.NoError(t, listener.Close())
	to := listener.Addr().(*net.TCPAddr).AddrPort()

	drop := c.event(bpf.KindDrop, func(e *bpf.Event) bool { return e.Tuple.LocalPort == to.Port() })
	require.EqualValues(t, flagSYN, drop.TCPFlags)
	require.Equal(t, bpf.DirectionIn, drop.Direction)
	require.Equal(t, to.Addr().As16(), drop.Tuple.LocalIP)
	require.Zero(t, drop.Length)
	require.NotZero(t, drop.Tuple.NetNS)
	require.NotZero(t, drop.Stack)
	if c.features.KfreeSkbArgs >= 3 {
		require.Equal(t, "SOCKET_FILTER", c.ReasonName(drop.Reason))
	}
	again := c.event(bpf.KindRetransmit, func(e *bpf.Event) bool { return e.Tuple.RemotePort == to.Port() })
	require.EqualValues(t, flagSYN, again.TCPFlags)
	require.EqualValues(t, 2, again.State, "SYN_SENT")
	require.Zero(t, again.Length)
	require.Equal(t, drop.PacketSeq, again.PacketSeq)
	ownedByUs(t, again.Owner, bpf.OwnerConnect)

	from := netip.AddrPortFrom(to.Addr(), again.Tuple.LocalPort)
	end := c.connection(from, to)
	require.Equal(t, again.Tuple.Conn, end.Tuple.Conn)
	require.NotZero(t, end.TotalRetrans)
	require.Zero(t, end.Error, "the application gave up, not the kernel")
	require.True(t, end.Evidence.Has(bpf.FlagOwned))
}

// TestSynackRetransmitted: the client does not hear the listener's answer.
func TestSynackRetransmitted(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dialBriefly(t, deaf, listener.Addr().String())
	require.NoError(t, listener.Close())
	to := listener.Addr().(*net.TCPAddr).AddrPort()
	synack := c.event(bpf.KindRetransmitSynack, func(e *bpf.Event) bool { return e.Tuple.LocalPort == to.Port() })
	require.Equal(t, to.Addr().As16(), synack.Tuple.LocalIP)
	require.NotZero(t, synack.Tuple.RemotePort)
	require.True(t, synack.Flags&bpf.EventMinisock != 0)
	require.EqualValues(t, 12, synack.State, "NEW_SYN_RECV")
	require.NotZero(t, synack.Tuple.NetNS)
}

// TestErrorsAndResetsIn: the peer of an abort gets a reset and an error.
func TestErrorsAndResetsIn(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	p := connect(t, "::1")
	require.NoError(t, p.client.SetLinger(0))
	require.NoError(t, p.client.Close())
	peer := c.connection(p.to, p.from)
	in := c.event(bpf.KindResetReceived, between(p.to, p.from))
	require.Equal(t, peer.Tuple.Conn, in.Tuple.Conn)
	require.Equal(t, bpf.DirectionIn, in.Direction)
	require.NotZero(t, in.Stack)
	if c.skipped["on_error"] != "" {
		t.Skip("no errors on this kernel: " + c.skipped["on_error"])
	}
	failed := c.event(bpf.KindError, between(p.to, p.from))
	require.EqualValues(t, 104, failed.Error)
	require.Equal(t, peer.Tuple.Conn, failed.Tuple.Conn)
	for _, event := range c.events {
		require.False(t, event.Head.Kind == bpf.KindError && matches(&event.Tuple, p.from, p.to),
			"who aborts has no error")
	}
}

// TestStates: every change of both ends, in order.
func TestStates(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, with(func(c *Config) { c.Kinds[bpf.KindState] = true }))
	p := connect(t, "127.0.0.1")
	require.NoError(t, p.client.Close())
	_, err := p.server.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, p.server.Close())
	c.connection(p.from, p.to)
	end := c.connection(p.to, p.from)
	c.drain()
	var client, server []uint8
	for _, event := range c.events {
		if event.Head.Kind != bpf.KindState {
			continue
		}
		if event.Tuple.Conn == end.Tuple.Conn {
			server = append(server, event.NewState)
		} else if event.Tuple.RemotePort == p.to.Port() {
			client = append(client, event.NewState)
		}
	}
	require.Equal(t, []uint8{3, 1, 8, 9, 7}, server, "SYN_RECV ESTABLISHED CLOSE_WAIT LAST_ACK CLOSE")
	require.Equal(t, []uint8{2, 1, 4, 5, 7}, slices.DeleteFunc(client, func(s uint8) bool { return s == 6 }),
		"SYN_SENT ESTABLISHED FIN_WAIT1 FIN_WAIT2 CLOSE")
}
