// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"tcpledger/bpf"
)

// wired makes a second namespace, 10.9.9.2, connected to the test's, 10.9.9.1.
func wired(t *testing.T) netns.NsHandle {
	t.Helper()
	here, err := netns.Get()
	require.NoError(t, err)
	there, err := netns.New() // and moves this thread there
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, there.Close()) })
	require.NoError(t, netns.Set(here))
	require.NoError(t, here.Close())
	require.NoError(t, netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "here"}, PeerName: "there", PeerNamespace: netlink.NsFd(there),
	}))
	local, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	require.NoError(t, err)
	defer local.Close()
	address(t, local, "here", "10.9.9.1/24")
	remote, err := netlink.NewHandleAt(there, unix.NETLINK_ROUTE)
	require.NoError(t, err)
	defer remote.Close()
	address(t, remote, "there", "10.9.9.2/24")
	return there
}

func address(t *testing.T, handle *netlink.Handle, device, cidr string) {
	t.Helper()
	link, err := handle.LinkByName(device)
	require.NoError(t, err)
	ip, err := netlink.ParseAddr(cidr)
	require.NoError(t, err)
	require.NoError(t, handle.AddrAdd(link, ip))
	require.NoError(t, handle.LinkSetUp(link))
}

// swallow frees what leaves through here, with the sender's socket still on it,
// as a network card does with what it has sent.
func swallow(t *testing.T) {
	t.Helper()
	const stolen = 4 // TC_ACT_STOLEN
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.SchedCLS, License: "Apache-2.0",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, stolen), asm.Return()},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, program.Close()) }()
	link, err := netlink.LinkByName("here")
	require.NoError(t, err)
	qdisc := netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Parent: netlink.HANDLE_CLSACT, Handle: netlink.MakeHandle(0xffff, 0)}
	err = netlink.QdiscAdd(&netlink.Clsact{QdiscAttrs: qdisc})
	if errors.Is(err, unix.ENOENT) {
		t.Skip("this kernel has no clsact (CONFIG_NET_SCH_INGRESS), with which the test frees what was sent")
	}
	require.NoError(t, err)
	require.NoError(t, netlink.FilterAdd(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: link.Attrs().Index, Parent: netlink.HANDLE_MIN_EGRESS, Protocol: unix.ETH_P_IP, Handle: 1,
		},
		Fd: program.FD(), Name: "swallow", DirectAction: true,
	}))
}

// dialIn connects from another namespace, on a thread that ends with the call.
func dialIn(ns netns.NsHandle, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread()
		if err := netns.Set(ns); err != nil {
			done <- result{nil, err}
			return
		}
		conn, err := net.DialTimeout("tcp", address, 100*time.Millisecond)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// TestConsumed: the probe of the project's origin, and what it was really seeing.
func TestConsumed(t *testing.T) {
	privileged(t)
	namespace(t)
	there := wired(t)
	c := started(t, with(func(c *Config) { c.Kinds[bpf.KindSkbConsumed] = true }))
	listener, err := net.Listen("tcp4", "10.9.9.1:0")
	require.NoError(t, err)
	client, err := dialIn(there, listener.Addr().String())
	require.NoError(t, err)
	server, err := listener.Accept()
	require.NoError(t, err)
	to := listener.Addr().(*net.TCPAddr).AddrPort()
	from := server.RemoteAddr().(*net.TCPAddr).AddrPort()

	swallow(t)
	require.NoError(t, server.Close())
	fin := c.event(bpf.KindSkbConsumed, between(to, from))
	require.True(t, fin.TCPFlags&flagFIN != 0)
	require.EqualValues(t, 4, fin.State, "FIN_WAIT1")
	require.Equal(t, bpf.DirectionOut, fin.Direction)
	require.NotZero(t, fin.Stack)
	require.NotZero(t, fin.Tuple.Conn)

	_, err = dialIn(there, "10.9.9.1:9")
	require.Error(t, err, "the reset is swallowed")
	reset := c.event(bpf.KindSkbConsumed, func(e *bpf.Event) bool {
		return e.Flags&bpf.EventControlSocket != 0 && e.Tuple.LocalPort == 9
	})
	require.True(t, reset.TCPFlags&flagRST != 0)
	require.Equal(t, netip.MustParseAddr("10.9.9.2").As16(), reset.Tuple.RemoteIP)
	require.NoError(t, listener.Close())
	closeQuietly(client)
}
