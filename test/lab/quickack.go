// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// QuickAck makes the namespace of n acknowledge each segment at once, on the routes that it has now. Otherwise the FIN's
// acknowledgement comes from a timer 40 ms later, on top of whatever task then runs on the CPU.
func QuickAck(t testing.TB, n *netlink.Handle) {
	t.Helper()
	changeRoutes(t, n, func(r *netlink.Route) { r.QuickACK = 1 })
}

// Patient makes the host wait so many milliseconds at least before its retransmission timer fires, and send no tail loss probes: what it sends
// again before that, acknowledgements asked for.
func (h *Host) Patient(t testing.TB, ms int) {
	t.Helper()
	h.Sysctl(t, "net/ipv4/tcp_early_retrans", "0")
	n, err := netlink.NewHandleAt(h.NS, unix.NETLINK_ROUTE)
	require.NoError(t, err)
	defer n.Close()
	changeRoutes(t, n, func(r *netlink.Route) { r.RtoMin, r.RtoMinLock = ms, true })
}

// changeRoutes changes the routes that the namespace of n has now.
func changeRoutes(t testing.TB, n *netlink.Handle, set func(*netlink.Route)) {
	t.Helper()
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		routes, err := n.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		require.NoError(t, err)
		for _, r := range routes {
			if r.Type != unix.RTN_UNICAST && r.Type != unix.RTN_LOCAL {
				continue
			}
			set(&r)
			r.Flags = 0 // a flag says that the link is down: nobody may ask for that
			change := n.RouteChange
			if family == unix.AF_INET6 && r.Type == unix.RTN_LOCAL { // its priority, 0, cannot be asked for
				require.NoError(t, n.RouteDel(&r))
				change = n.RouteAdd
			}
			require.NoError(t, change(&r), "%+v", r)
		}
	}
}
