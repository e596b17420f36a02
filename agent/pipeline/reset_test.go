// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/agent/capture"
	"tcpledger/schema"
)

const flagACK = 0x10

// forge sends a bare TCP segment that nobody waits for.
func forge(t *testing.T, from, to uint16, ack uint32, flags byte) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	require.NoError(t, err)
	segment := make([]byte, 20)
	binary.BigEndian.PutUint16(segment[0:], from)
	binary.BigEndian.PutUint16(segment[2:], to)
	binary.BigEndian.PutUint32(segment[8:], ack)
	segment[12], segment[13] = 5<<4, flags
	local := localhost(0).Addr
	pseudo := append(append(append([]byte{}, local[:]...), local[:]...), 0, unix.IPPROTO_TCP, 0, byte(len(segment)))
	binary.BigEndian.PutUint16(segment[16:], checksum(append(pseudo, segment...)))
	require.NoError(t, unix.Sendto(fd, segment, 0, localhost(0)))
	require.NoError(t, unix.Close(fd))
}

func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum>>16 + sum&0xffff
	return ^uint16(sum>>16 + sum)
}

func deafen(t *testing.T, l *net.TCPListener, deaf bool) {
	t.Helper()
	raw, err := l.SyscallConn()
	require.NoError(t, err)
	filter(t, raw, deaf)
}

// TestRefusedPacketIsNoEnding: who connects refuses what an earlier connection of that port left behind with a reset, and
// goes on: neither the end nor an error later has to do with it.
func TestRefusedPacketIsNoEnding(t *testing.T) {
	r := running(t, capture.DefaultConfig(), namespace(t))
	for _, aborts := range []bool{false, true} {
		l := plain(t)
		deafen(t, l, true)
		fd := openSocket(t, unix.SOCK_NONBLOCK)
		to := port(l.Addr())
		require.ErrorIs(t, unix.Connect(fd, localhost(to)), unix.EINPROGRESS)
		from := localPort(t, fd)
		forge(t, to, from, 1, flagACK)
		e := r.event(schema.KindResetSent, func(e *schema.Event) bool { return e.LocalPort == from })
		require.Equal(t, schema.StateSynSent, e.State)
		deafen(t, l, false)
		server, err := l.AcceptTCP()
		require.NoError(t, err)
		if aborts {
			require.NoError(t, server.SetLinger(0))
		}
		require.NoError(t, server.Close())
		c := awaitEnd(t, r, fd, from, to, aborts)
		require.Equal(t, e.Conn, c.Conn)
		if !aborts {
			require.Equal(t, schema.Verdict{Cause: schema.CausePeerClose, Initiator: schema.InitiatorPeer, Reset: schema.ResetNone}, schema.Decide(&c))
			continue
		}
		require.Equal(t, schema.Verdict{Cause: schema.CausePeerReset, Initiator: schema.InitiatorPeer, Reset: schema.ResetReceived}, schema.Decide(&c))
		if !r.reports {
			t.Skip("this kernel has no tracepoint for reported errors")
		}
		failed := r.event(schema.KindError, func(e *schema.Event) bool { return e.LocalPort == from })
		require.Equal(t, int32(unix.ECONNRESET), failed.Error)
	}
}

// awaitEnd closes a client that met its peer's FIN.
func awaitEnd(t *testing.T, r *live, fd int, from, to uint16, aborted bool) schema.Connection {
	t.Helper()
	if !aborted {
		r.until("the peer's FIN", func() bool {
			info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
			return err == nil && info.State == uint8(schema.StateCloseWait)
		})
		require.NoError(t, unix.Close(fd))
	}
	return r.endingOf(from, to)
}

// TestListenerInItsPlace: the kernel gives a new socket the memory of the last one. Its resets are its own.
func TestListenerInItsPlace(t *testing.T) {
	r := running(t, capture.DefaultConfig(), namespace(t))
	for range 20 {
		onOneCPU(t, func() {
			client, server := connected(t)
			require.NoError(t, client.SetLinger(0))
			require.NoError(t, client.Close())
			_, err := io.ReadAll(server)
			require.ErrorIs(t, err, unix.ECONNRESET)
			require.NoError(t, server.Close())
			l := plain(t)
			forge(t, 9, port(l.Addr()), 1, flagACK)
			e := r.event(schema.KindResetSent, func(e *schema.Event) bool { return e.LocalPort == port(l.Addr()) })
			require.Equal(t, schema.StateListen, e.State)
			require.Zero(t, e.Conn)
			require.NoError(t, l.Close())
		})
	}
}

// onOneCPU keeps the thread, whose namespace is the test's, where it is.
func onOneCPU(t *testing.T, do func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &before))
	for cpu := 0; one.Count() == 0; cpu++ {
		if before.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	require.NoError(t, unix.SchedSetaffinity(0, &one))
	do()
	require.NoError(t, unix.SchedSetaffinity(0, &before))
}

// TestListenerThatWasConnected: what a socket was before it listened is over.
func TestListenerThatWasConnected(t *testing.T) {
	r := running(t, capture.DefaultConfig(), namespace(t))
	l := plain(t)
	fd := openSocket(t, 0)
	require.NoError(t, unix.Connect(fd, localhost(port(l.Addr()))))
	from := localPort(t, fd)
	server, err := l.Accept()
	require.NoError(t, err)
	disconnect(t, fd)
	require.NoError(t, unix.Listen(fd, 1))
	forge(t, 9, localPort(t, fd), 1, flagACK)
	e := r.event(schema.KindResetSent, func(e *schema.Event) bool { return e.RemotePort == 9 })
	require.Equal(t, schema.StateListen, e.State)
	require.Zero(t, e.Conn)
	require.Equal(t, schema.OwnerUnknown, e.How)
	c := r.endingOf(from, port(l.Addr()))
	require.Equal(t, schema.CauseDisconnect, schema.Decide(&c).Cause)
	require.NoError(t, server.Close())
}
