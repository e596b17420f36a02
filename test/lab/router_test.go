// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// Hosts on both sides of a router talk, and what the router translates reaches the other side with the client's own address.
func TestARouterForwardsAndTranslates(t *testing.T) {
	l := NewRouted(t)
	for _, ip := range []netip.Addr{l.B.IPv4, l.B.IPv6} {
		listener := l.B.Actor(t, "server").Listen(ip, 4)
		client := l.A.Actor(t, "client").Dial(listener.Local)
		require.Equal(t, client.Local, listener.Accept().Remote)
	}
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 4)
	l.Router.Run(t, "nft", "add table ip n; add chain ip n p { type nat hook prerouting priority -100; }; "+
		"add rule ip n p ip daddr 10.78.9.9 tcp dport 80 dnat to "+listener.Local.String())
	client := l.A.Actor(t, "client").Dial(netip.MustParseAddrPort("10.78.9.9:80"))
	server := listener.Accept()
	require.Equal(t, client.Local, server.Remote)
	require.Equal(t, listener.Local, server.Local)
}
