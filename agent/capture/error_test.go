// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tcpledger/bpf"
)

// onSocket calls do with the connection's descriptor.
func onSocket(t *testing.T, conn syscall.Conn, do func(fd int) error) {
	t.Helper()
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	var failed error
	require.NoError(t, raw.Control(func(fd uintptr) { failed = do(int(fd)) }))
	require.NoError(t, failed)
}

// disconnect is connect(AF_UNSPEC): the descriptor stays open.
func disconnect(fd int) error {
	var unspecified [16]byte
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&unspecified)), unsafe.Sizeof(unspecified))
	if errno != 0 {
		return errno
	}
	return nil
}

// reported skips on kernels without a tracepoint for reported errors (before 5.14).
func reported(t *testing.T, c *watch) {
	t.Helper()
	if c.skipped["on_error"] != "" {
		t.Skip("inet_sk_error_report: " + c.skipped["on_error"])
	}
}

func errorsOf(c *watch) []uint32 {
	var errnos []uint32
	for _, e := range c.events {
		if e.Head.Kind == bpf.KindError {
			errnos = append(errnos, e.Error)
		}
	}
	return errnos
}

// TestOwnAbortIsNoError: a socket that resets its peer gets ECONNRESET itself; only the peer's counts as an error.
func TestOwnAbortIsNoError(t *testing.T) {
	privileged(t)
	for name, abort := range map[string]func(*testing.T, pair){
		"linger 0": func(t *testing.T, p pair) {
			require.NoError(t, p.client.SetLinger(0))
			require.NoError(t, p.client.Close())
		},
		"disconnect": func(t *testing.T, p pair) { onSocket(t, p.client, disconnect) },
	} {
		t.Run(name, func(t *testing.T) {
			namespace(t)
			c := started(t, DefaultConfig())
			reported(t, c)
			p := connect(t, "127.0.0.1")
			before, err := c.Totals()
			require.NoError(t, err)
			abort(t, p)
			c.connection(p.from, p.to)
			peer := c.event(bpf.KindError, between(p.to, p.from))
			require.EqualValues(t, unix.ECONNRESET, peer.Error)
			c.drain()
			require.Equal(t, []uint32{uint32(unix.ECONNRESET)}, errorsOf(c), "one, the peer's")
			after, err := c.Totals()
			require.NoError(t, err)
			require.Greater(t, after["errors_filtered"], before["errors_filtered"])
		})
	}
}

// TestDisconnectWhileConnecting: nothing was reset, and the kernel says so all the same.
func TestDisconnectWhileConnecting(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	reported(t, c)
	listener, err := (&net.ListenConfig{Control: deaf}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	to := listener.Addr().(*net.TCPAddr)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Close(fd)) }()
	require.ErrorIs(t, unix.Connect(fd, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte{127, 0, 0, 1}}), unix.EINPROGRESS)
	require.NoError(t, disconnect(fd))
	c.until("the abandoned connection", func() bool { return len(c.connections) == 1 })
	c.drain()
	require.Empty(t, errorsOf(c))
}

// TestKilledIsAnError: the reset goes first, but what the application sees is not its answer.
func TestKilledIsAnError(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	reported(t, c)
	p := connect(t, "127.0.0.1")
	err := netlink.SocketDestroy(p.client.LocalAddr(), p.client.RemoteAddr())
	if errors.Is(err, syscall.EOPNOTSUPP) {
		t.Skip("this kernel cannot destroy sockets")
	}
	require.NoError(t, err)
	killed := c.event(bpf.KindError, between(p.from, p.to))
	require.EqualValues(t, unix.ECONNABORTED, killed.Error)
	peer := c.event(bpf.KindError, between(p.to, p.from))
	require.EqualValues(t, unix.ECONNRESET, peer.Error)
}

// TestKeepaliveTimeoutIsAnError: the same for a timer that gives up.
func TestKeepaliveTimeoutIsAnError(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	reported(t, c)
	p := connect(t, "127.0.0.1")
	raw, err := p.server.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, deaf("", "", raw))
	onSocket(t, p.client, func(fd int) error {
		return errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 1),
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 1),
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 1),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
	})
	timedOut := c.event(bpf.KindError, between(p.from, p.to))
	require.EqualValues(t, unix.ETIMEDOUT, timedOut.Error)
}

// TestOwnTimeWaitStaysUnseen: a reset that the TIME_WAIT of one of ours sends is counted, not shown.
func TestOwnTimeWaitStaysUnseen(t *testing.T) {
	privileged(t)
	for name, own := range map[string]bool{"ours": true, "another's": false} {
		t.Run(name, func(t *testing.T) {
			namespace(t)
			config := DefaultConfig()
			if own {
				config.OwnPIDs = []int{unix.Getpid()}
			}
			c := started(t, config)
			if c.features.SendResetArgs < 3 || !c.features.SocketCookie {
				t.Skip("this kernel shows no reset of a TIME_WAIT, or no cookie")
			}
			p := connect(t, "127.0.0.1")
			require.NoError(t, p.client.Close())
			_, err := p.server.Read(make([]byte, 1))
			require.Error(t, err)
			if own {
				c.untilTotal("own_connection", 1) // now it is in TIME_WAIT
			} else {
				c.connection(p.from, p.to)
			}
			_, err = p.server.Write([]byte("to a socket that is gone"))
			require.NoError(t, err)
			if !own {
				reset := c.event(bpf.KindResetSent, between(p.from, p.to))
				require.True(t, reset.Flags&bpf.EventMinisock != 0)
				return
			}
			c.untilTotal("own_reset_sent", 1)
			c.drain()
			for _, e := range c.events {
				require.NotEqual(t, bpf.KindResetSent, e.Head.Kind)
			}
		})
	}
}
