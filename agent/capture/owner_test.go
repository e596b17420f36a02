// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/bpf"
)

// childHolds tells a child to connect there and to wait for its end.
const childHolds = "TCPLEDGER_CAPTURE_HOLDS"

// hold connects, says its local address, and ends with standard input.
func hold(address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		os.Exit(1)
	}
	_, _ = io.WriteString(os.Stdout, conn.LocalAddr().String()+"\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// TestKilledProcess: its connections end while it exits, and are its own.
func TestKilledProcess(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { closeListener(t, listener) })
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), childRole+"=1", childHolds+"="+listener.Addr().String())
	_, err = child.StdinPipe()
	require.NoError(t, err)
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())

	from := netip.MustParseAddrPort(line[:len(line)-1])
	to := listener.Addr().(*net.TCPAddr).AddrPort()
	end := c.connection(from, to)
	require.EqualValues(t, child.Process.Pid, end.Owner.PID)
	require.Equal(t, bpf.OwnerConnect, end.Owner.How)
	require.Equal(t, "exe", comm(end.Owner.Comm), "the name it was started by")
	require.EqualValues(t, bpf.FlagOwned|bpf.FlagFileDead|bpf.FlagExiting, end.FirstEvidence)
	require.Equal(t, bpf.SideLocal, end.FirstWho)
	require.EqualValues(t, child.Process.Pid, end.Context.PID)
	require.Equal(t, bpf.CtxTask, end.Context.Kind)
}

// TestLastToCloseOwns: also after the peer's FIN the process that closes is the one that used it last.
func TestLastToCloseOwns(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	p := connect(t, "127.0.0.1")
	say(t, p.client, p.server, "question")
	file, err := p.server.File()
	require.NoError(t, err)
	heir := exec.Command("cat")
	heir.ExtraFiles = []*os.File{file}
	input, err := heir.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, heir.Start())
	require.NoError(t, file.Close())
	require.NoError(t, p.server.Close())
	require.NoError(t, p.client.CloseWrite())
	c.until("the client's FIN", func() bool {
		return slices.ContainsFunc(c.states(), func(s bpf.ConnState) bool { return s.State == closeWait && s.Tuple.LocalPort == p.to.Port() })
	})
	raw, err := p.client.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, deaf("", "", raw)) // the end comes later, when nobody is in it any more
	require.NoError(t, input.Close())
	require.NoError(t, heir.Wait())
	onSocket(t, p.client, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0) })
	end := c.connection(p.to, p.from)
	require.EqualValues(t, heir.Process.Pid, end.Owner.PID)
	require.Equal(t, bpf.OwnerClose, end.Owner.How)
	require.Equal(t, bpf.SidePeer, end.FirstWho)
}

// TestLongAges: an age that does not fit into its field is absent, not cut.
func TestLongAges(t *testing.T) {
	privileged(t)
	namespace(t)
	c, err := New(DefaultConfig())
	require.NoError(t, err)
	require.NoError(t, c.spec.Variables["tick_ns"].Set(uint64(100*24*time.Hour))) // a hundred days pass in a tick
	require.NoError(t, c.Start())
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	w := watching(t, c)
	p := connect(t, "127.0.0.1")
	say(t, p.client, p.server, "question")
	require.Eventually(t, func() bool { // the kernel counts ages in ticks: wait for one
		var info *unix.TCPInfo
		onSocket(t, p.client, func(fd int) (err error) {
			info, err = unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
			return err
		})
		return info.Last_data_sent > 0 && info.Last_data_recv > 0
	}, patience, time.Millisecond)
	require.NoError(t, p.client.Close())
	end := w.connection(p.from, p.to)
	require.EqualValues(t, bpf.Absent32, end.LastTxAgeMS)
	require.EqualValues(t, bpf.Absent32, end.LastRxAgeMS)
}

func closeListener(t *testing.T, listener net.Listener) {
	t.Helper()
	require.NoError(t, listener.Close())
}

// TestMappedAddress: a v6 socket that talks v4 has the same addresses as its peer.
func TestMappedAddress(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	listener, err := net.Listen("tcp", "[::]:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).AddrPort().Port()
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	client, err := net.Dial("tcp", to.String())
	require.NoError(t, err)
	server, err := listener.Accept()
	require.NoError(t, err)
	from := client.LocalAddr().(*net.TCPAddr).AddrPort()
	require.NoError(t, server.Close())
	require.NoError(t, client.Close())
	require.NoError(t, listener.Close())
	require.EqualValues(t, 2, c.connection(from, to).Tuple.Family)
	require.EqualValues(t, 10, c.connection(to, from).Tuple.Family)
}

// TestListenerClosed: a child that was never accepted has no owner but its listener's hint, and no context is guessed.
func TestListenerClosed(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	client, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	closeListener(t, listener)
	from, to := client.LocalAddr().(*net.TCPAddr).AddrPort(), listener.Addr().(*net.TCPAddr).AddrPort()
	end := c.connection(to, from)
	listenersHint(t, end.Owner)
	require.False(t, end.Evidence.Has(bpf.FlagOwned))
	require.True(t, end.Evidence.Has(bpf.FlagNoSocket))
	require.False(t, end.Evidence.Has(bpf.FlagSockDead))
	require.Equal(t, bpf.CtxUnknown, end.Context.Kind)
	closeQuietly(client)
}

// TestMultipath: subflows are marked, plain TCP is not.
func TestMultipath(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	var config net.ListenConfig
	config.SetMultipathTCP(true)
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var dialer net.Dialer
	dialer.SetMultipathTCP(true)
	client, err := dialer.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	server, err := listener.Accept()
	require.NoError(t, err)
	multipath, err := client.(*net.TCPConn).MultipathTCP()
	require.NoError(t, err)
	want := bpf.FlavourTCP
	if multipath {
		want = bpf.FlavourMPTCPSubflow
	}
	from, to := client.LocalAddr().(*net.TCPAddr).AddrPort(), listener.Addr().(*net.TCPAddr).AddrPort()
	require.NoError(t, client.Close())
	require.NoError(t, server.Close())
	require.NoError(t, listener.Close())
	require.Equal(t, want, c.connection(from, to).Flavour)
	require.Equal(t, want, c.connection(to, from).Flavour)
}
