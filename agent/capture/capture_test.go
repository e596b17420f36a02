// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/bpf"
)

func say(t *testing.T, from, to *net.TCPConn, text string) {
	t.Helper()
	_, err := from.Write([]byte(text))
	require.NoError(t, err)
	_, err = io.ReadFull(to, make([]byte, len(text)))
	require.NoError(t, err)
}

func comm(b [16]byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b[:])
}

func ownComm(t *testing.T) string {
	t.Helper()
	name, err := os.ReadFile("/proc/self/comm")
	require.NoError(t, err)
	return string(name[:len(name)-1])
}

func ownedByUs(t *testing.T, owner bpf.Owner, how ...bpf.OwnerHow) {
	t.Helper()
	require.EqualValues(t, os.Getpid(), owner.PID)
	require.Equal(t, ownComm(t), comm(owner.Comm))
	require.Contains(t, how, owner.How)
	require.NotZero(t, owner.StartAt)
	require.NotZero(t, owner.CgroupID)
	require.EqualValues(t, os.Getuid(), owner.UID)
}

// TestOrderlyClose follows both ends of connections that are closed properly.
func TestOrderlyClose(t *testing.T) {
	privileged(t)
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			namespace(t) // a subtest has a thread of its own
			c := started(t, DefaultConfig())
			p := connect(t, host)
			say(t, p.client, p.server, "question")
			say(t, p.server, p.client, "answer, longer")
			require.NoError(t, p.client.Close())
			_, err := p.server.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
			require.NoError(t, p.server.Close())

			client, server := c.connection(p.from, p.to), c.connection(p.to, p.from)
			require.Equal(t, bpf.RoleClient, client.Role)
			require.Equal(t, bpf.RoleServer, server.Role)
			require.Equal(t, bpf.SideLocal, client.FirstWho)
			require.Equal(t, bpf.SidePeer, server.FirstWho)
			require.EqualValues(t, bpf.FlagOwned|bpf.FlagFileDead, client.FirstEvidence)
			require.Zero(t, client.Error)
			require.EqualValues(t, 9, server.OldState, "LAST_ACK")
			require.EqualValues(t, 8, client.BytesSent-client.BytesRetrans)
			received := 14
			if client.Evidence.Has(bpf.FlagFinReceived) { // a FIN that comes later meets the minisock
				received++
			}
			require.EqualValues(t, received, client.BytesReceived, "payload and the FIN")
			require.True(t, server.Evidence.Has(bpf.FlagFinReceived))
			require.False(t, server.Evidence.Has(bpf.FlagBeganBefore))
			require.EqualValues(t, 14, server.BytesSent-server.BytesRetrans)
			ownedByUs(t, client.Owner, bpf.OwnerConnect)
			ownedByUs(t, server.Owner, bpf.OwnerRead, bpf.OwnerWrite)
			require.NotEqual(t, client.Tuple.Conn, server.Tuple.Conn)
			require.NotZero(t, client.Tuple.Conn)
			require.NotZero(t, client.Tuple.NetNS)
			require.Equal(t, client.Tuple.NetNS, server.Tuple.NetNS)
			require.Equal(t, c.features.SocketCookie, client.Tuple.Cookie != 0)
			require.Less(t, client.OpenedAt, client.FirstAt)
			require.Less(t, client.ConnectUS, uint32(time.Second/time.Microsecond))
			require.Equal(t, bpf.CtxTask, client.Context.Kind)
			require.Less(t, client.LastTxAgeMS, uint32(patience.Milliseconds()))
			require.Equal(t, bpf.FlavourTCP, client.Flavour)
		})
	}
}

func TestRefused(t *testing.T) {
	privileged(t)
	for _, host := range []string{"127.0.0.1:9", "[::1]:9"} {
		t.Run(host, func(t *testing.T) {
			namespace(t) // a subtest has a thread of its own
			c := started(t, DefaultConfig())
			_, err := net.Dial("tcp", host)
			require.Error(t, err)
			remote := netip.MustParseAddrPort(host)
			var end bpf.Connection
			c.until("the refused connection", func() bool {
				for _, connection := range c.connections {
					if connection.Tuple.RemoteIP == remote.Addr().As16() {
						end = connection
					}
				}
				return end.Head.Size > 0
			})
			require.EqualValues(t, 111, end.Error)
			require.EqualValues(t, 2, end.OldState, "SYN_SENT")
			require.True(t, end.Evidence.Has(bpf.FlagResetReceived))
			require.EqualValues(t, bpf.Absent32, end.ConnectUS)
			require.NotZero(t, end.Tuple.LocalPort)
			require.NotZero(t, end.Stack)
			ownedByUs(t, end.Owner, bpf.OwnerConnect)
			if c.features.SendResetArgs >= 3 {
				reset := c.event(bpf.KindResetSent, func(e *bpf.Event) bool {
					return e.Tuple.LocalPort == remote.Port() && e.Tuple.RemoteIP == end.Tuple.LocalIP
				})
				require.Equal(t, "NO_SOCKET", c.ResetReasonName(reset.Reason))
				require.Equal(t, end.Tuple.LocalPort, reset.Tuple.RemotePort)
				require.True(t, reset.Flags&bpf.EventNoSocket != 0)
			}
		})
	}
}

// resetAfter waits for the ending of one side and the reset it sent.
func resetAfter(c *watch, local, remote netip.AddrPort) (bpf.Connection, bpf.Event) {
	c.t.Helper()
	return c.connection(local, remote), c.event(bpf.KindResetSent, between(local, remote))
}

func TestLingerZero(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	p := connect(t, "127.0.0.1")
	require.NoError(t, p.client.SetLinger(0))
	require.NoError(t, p.client.Close())

	end, reset := resetAfter(c, p.from, p.to)
	require.True(t, end.Evidence.Has(bpf.FlagLinger0|bpf.FlagOwned|bpf.FlagFileDead))
	require.EqualValues(t, 1, end.OldState, "ESTABLISHED")
	require.Equal(t, bpf.SideNone, end.FirstWho)
	require.Equal(t, end.Tuple.Conn, reset.Tuple.Conn)
	require.Greater(t, reset.Head.At, end.Head.At)
	require.Equal(t, bpf.DirectionOut, reset.Direction)

	peer := c.connection(p.to, p.from)
	require.EqualValues(t, 104, peer.Error)
	require.True(t, peer.Evidence.Has(bpf.FlagResetReceived))
}

func TestCloseWithUnreadData(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	p := connect(t, "::1")
	_, err := p.client.Write([]byte("never read"))
	require.NoError(t, err)
	require.NoError(t, p.server.Close())

	end, reset := resetAfter(c, p.to, p.from)
	require.EqualValues(t, 10, end.RcvNxt-end.CopiedSeq)
	require.EqualValues(t, 3, end.Shutdown)
	require.True(t, end.Evidence.Has(bpf.FlagOwned|bpf.FlagFileDead))
	ownedByUs(t, end.Owner, bpf.OwnerClose)
	require.Equal(t, end.Tuple.Conn, reset.Tuple.Conn)
}

// TestDataAfterClose: the reset follows the socket's destruction, and still has
// the number of its connection.
func TestDataAfterClose(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	p := connect(t, "127.0.0.1")
	stayInFinWait2(t, p.client)
	require.NoError(t, p.client.Close())
	_, err := p.server.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = p.server.Write([]byte("late"))
	require.NoError(t, err)

	end, reset := resetAfter(c, p.from, p.to)
	require.EqualValues(t, 5, end.OldState, "FIN_WAIT2")
	require.Equal(t, bpf.SideLocal, end.FirstWho)
	// No reset came, yet the kernel pretends, unless the late data was what
	// acknowledged our FIN: then it ends without an error.
	require.Contains(t, []uint32{0, 104}, end.Error)
	require.Equal(t, end.Error == 104, end.Evidence.Has(bpf.FlagResetReceived))
	if c.features.SendResetArgs >= 3 {
		require.Equal(t, "TCP_ABORT_ON_DATA", c.ResetReasonName(reset.Reason))
	}
	require.Equal(t, end.Tuple.Conn, reset.Tuple.Conn)
	require.True(t, reset.Flags&bpf.EventWithPacket != 0)
	peer := c.connection(p.to, p.from)
	require.EqualValues(t, 32, peer.Error, "EPIPE: the peer had closed before")
	require.Equal(t, bpf.SidePeer, peer.FirstWho)
}

// stayInFinWait2 keeps the socket whole after close, where it would otherwise
// become a TIME_WAIT minisock at once.
func stayInFinWait2(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	var failed error
	require.NoError(t, raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_LINGER2, 100)
	}))
	require.NoError(t, failed)
}

func TestOwnTrafficIsLeftOutAndCounted(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, with(func(c *Config) { c.OwnPIDs = []int{os.Getpid()} }))
	p := connect(t, "127.0.0.1")
	say(t, p.client, p.server, "ours")
	say(t, p.server, p.client, "ours")
	require.NoError(t, p.client.Close())
	require.NoError(t, p.server.Close())
	require.Eventually(t, func() bool {
		totals, err := c.Totals()
		require.NoError(t, err)
		return totals["own_connection"] == 2
	}, patience, time.Millisecond)
	c.drain()
	for _, connection := range c.connections {
		require.False(t, matches(&connection.Tuple, p.from, p.to))
		require.False(t, matches(&connection.Tuple, p.to, p.from))
	}
}
