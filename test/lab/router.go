// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tcpledger/test/wait"
)

// Routed is a lab whose hosts are on two networks, with a router between them. The router forwards IPv4 and IPv6.
type Routed struct {
	Lab
	Router *Host // its addresses are those on the side of A
}

// NewRouted makes the namespaces, which end with the test. It needs root.
func NewRouted(t testing.TB) *Routed {
	t.Helper()
	needRoot(t)
	surround(t)
	l := &Routed{
		Lab: Lab{
			A: &Host{Name: "a", IPv4: netip.MustParseAddr("10.78.1.1"), IPv6: netip.MustParseAddr("fd78:1::1"), NS: newNamespace(t)},
			B: &Host{Name: "b", IPv4: netip.MustParseAddr("10.78.2.1"), IPv6: netip.MustParseAddr("fd78:2::1"), NS: newNamespace(t)},
		},
		Router: &Host{Name: "router", IPv4: netip.MustParseAddr("10.78.1.9"), IPv6: netip.MustParseAddr("fd78:1::9"), NS: newNamespace(t)},
	}
	far := &Host{Name: "router", IPv4: netip.MustParseAddr("10.78.2.9"), IPv6: netip.MustParseAddr("fd78:2::9"), NS: l.Router.NS}
	for _, h := range []*Host{l.A, l.B, l.Router} { // without a link-local address that is known to be its own, a router asks for no neighbour
		h.Sysctl(t, "net/ipv6/conf/default/accept_dad", "0")
	}
	l.Router.Sysctl(t, "net/ipv4/ip_forward", "1")
	l.Router.Sysctl(t, "net/ipv6/conf/all/forwarding", "1")
	join(t, l.A, l.Router, "a")
	join(t, l.B, far, "b")
	for _, h := range []*Host{l.A, l.B, l.Router} {
		keep(h.Inode(t), h.Cookie(t))
	}
	return l
}

// join wires a host to the router, whose end of the wire has that name, and routes everything else of the host there.
func join(t testing.TB, h, router *Host, name string) {
	t.Helper()
	near, err := netlink.NewHandleAt(h.NS, unix.NETLINK_ROUTE)
	require.NoError(t, err)
	defer near.Close()
	far, err := netlink.NewHandleAt(router.NS, unix.NETLINK_ROUTE)
	require.NoError(t, err)
	defer far.Close()
	require.NoError(t, near.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "wire"}, PeerName: name}))
	link, err := near.LinkByName(name)
	require.NoError(t, err)
	require.NoError(t, near.LinkSetNsFd(link, int(router.NS)))
	h.configure(t, near, "wire")
	router.configure(t, far, name)
	wire, err := near.LinkByName("wire")
	require.NoError(t, err)
	for _, gateway := range []netip.Addr{router.IPv4, router.IPv6} {
		require.NoError(t, near.RouteAdd(&netlink.Route{LinkIndex: wire.Attrs().Index, Gw: gateway.AsSlice()}))
	}
}

// IdleTimeout is after how many seconds without a packet the host forgets a connection, of those whose next packet it has yet to see.
// What belongs to no connection that it knows is invalid from now on.
func (h *Host) IdleTimeout(t testing.TB, seconds string) {
	t.Helper()
	h.Sysctl(t, "net/netfilter/nf_conntrack_tcp_loose", "0")
	h.Sysctl(t, "net/netfilter/nf_conntrack_tcp_timeout_established", seconds)
}

// AwaitForgotten waits until the host tracks no connection from that end.
func (h *Host) AwaitForgotten(t testing.TB, client netip.AddrPort) {
	t.Helper()
	n, err := netlink.NewHandleAt(h.NS, unix.NETLINK_NETFILTER)
	require.NoError(t, err)
	defer n.Close()
	family := netlink.InetFamily(unix.AF_INET)
	if client.Addr().Is6() {
		family = unix.AF_INET6
	}
	require.Eventually(t, func() bool {
		flows, err := n.ConntrackTableList(netlink.ConntrackTable, family)
		return err == nil && !slices.ContainsFunc(flows, func(f *netlink.ConntrackFlow) bool {
			return f.Forward.SrcPort == client.Port() && f.Forward.SrcIP.Equal(client.Addr().AsSlice())
		})
	}, wait.Long, 50*time.Millisecond)
}

// Forget empties the host's table of tracked connections, as if they had been idle for too long.
func (h *Host) Forget(t testing.TB) {
	t.Helper()
	n, err := netlink.NewHandleAt(h.NS, unix.NETLINK_NETFILTER)
	require.NoError(t, err)
	defer n.Close()
	require.NoError(t, n.ConntrackTableFlush(netlink.ConntrackTable))
}
