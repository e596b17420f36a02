// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Switch is one network of any number of hosts.
type Switch struct {
	ns    netns.NsHandle
	hosts int
}

// NewSwitch makes a network without hosts. It ends with the test, and needs root.
func NewSwitch(t testing.TB) *Switch {
	t.Helper()
	needRoot(t)
	s := &Switch{ns: newNamespace(t)}
	n, err := netlink.NewHandleAt(s.ns, unix.NETLINK_ROUTE)
	require.NoError(t, err)
	defer n.Close()
	require.NoError(t, n.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "switch"}}))
	bridge, err := n.LinkByName("switch")
	require.NoError(t, err)
	require.NoError(t, n.LinkSetUp(bridge))
	return s
}

// Host makes the next host of the network: 10.79.0.1, 10.79.0.2 and so on.
func (s *Switch) Host(t testing.TB, name string) *Host {
	t.Helper()
	s.hosts++
	h := &Host{Name: name, IPv4: netip.AddrFrom4([4]byte{10, 79, 0, byte(s.hosts)}), IPv6: netip.MustParseAddr(fmt.Sprintf("fd79::%x", s.hosts)), NS: newNamespace(t)}
	near, err := netlink.NewHandleAt(h.NS, unix.NETLINK_ROUTE)
	require.NoError(t, err)
	defer near.Close()
	far, err := netlink.NewHandleAt(s.ns, unix.NETLINK_ROUTE)
	require.NoError(t, err)
	defer far.Close()
	port := fmt.Sprintf("port%d", s.hosts)
	require.NoError(t, far.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: port}, PeerName: "wire"}))
	wire, err := far.LinkByName("wire")
	require.NoError(t, err)
	require.NoError(t, far.LinkSetNsFd(wire, int(h.NS)))
	link, err := far.LinkByName(port)
	require.NoError(t, err)
	bridge, err := far.LinkByName("switch")
	require.NoError(t, err)
	require.NoError(t, far.LinkSetMaster(link, bridge))
	require.NoError(t, far.LinkSetUp(link))
	h.configure(t, near, "wire")
	return h
}

// Cut takes every packet between the host and others, silently, until the returned function is called. Its loopback goes on.
func (h *Host) Cut(t testing.TB) func() {
	t.Helper()
	in, out := h.Drop(t, "input", `iifname "wire"`), h.Drop(t, "output", `oifname "wire"`)
	return func() { out(); in() }
}

// Within gives the command that runs a program in the host's network, as the same process.
func (h *Host) Within(program string, args ...string) (string, []string) {
	return "nsenter", append([]string{fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), int(h.NS)), "--", program}, args...)
}
