// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/bpf"
)

// TestSeed: connections older than the agent have their owner, and no known start.
func TestSeed(t *testing.T) {
	privileged(t)
	namespace(t)
	idle, halfClosed := connect(t, "127.0.0.1"), connect(t, "::1")
	require.NoError(t, halfClosed.client.CloseWrite())
	c := started(t, DefaultConfig())

	require.NoError(t, idle.client.SetLinger(0))
	require.NoError(t, idle.client.Close())
	client, server := c.connection(idle.from, idle.to), c.connection(idle.to, idle.from)
	for _, end := range []bpf.Connection{client, server} {
		require.True(t, end.Evidence.Has(bpf.FlagSeeded|bpf.FlagBeganBefore))
		require.Zero(t, end.OpenedAt)
		require.EqualValues(t, bpf.Absent32, end.ConnectUS)
		require.Equal(t, bpf.RoleUnknown, end.Role)
		require.Equal(t, c.features.SocketCookie, end.Tuple.Cookie != 0)
		ownedByUs(t, end.Owner, bpf.OwnerSeed)
	}

	require.NoError(t, halfClosed.server.Close())
	require.NoError(t, halfClosed.client.Close())
	client, server = c.connection(halfClosed.from, halfClosed.to), c.connection(halfClosed.to, halfClosed.from)
	require.Equal(t, bpf.SideLocal, client.FirstWho, "it was in FIN_WAIT2")
	require.Equal(t, bpf.SidePeer, server.FirstWho, "it was in CLOSE_WAIT")
	totals, err := c.Totals()
	require.NoError(t, err)
	require.GreaterOrEqual(t, totals["began_before"], uint64(4))
}
