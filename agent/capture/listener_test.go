// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/bpf"
)

// listen makes a listener of TCP's own: the listening socket of an MPTCP one belongs to no file.
func listen(t *testing.T, address string) *net.TCPListener {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	listener, err := config.Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	return listener.(*net.TCPListener)
}

// child connects to a listener that never accepts, and gives both ends as the child's record has them.
func child(t *testing.T, listener *net.TCPListener, host string) (local, remote netip.AddrPort) {
	t.Helper()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	client, err := net.Dial("tcp", net.JoinHostPort(host, port))
	require.NoError(t, err)
	t.Cleanup(func() { closeQuietly(client) })
	return client.RemoteAddr().(*net.TCPAddr).AddrPort(), client.LocalAddr().(*net.TCPAddr).AddrPort()
}

func listenersHint(t *testing.T, owner bpf.Owner) {
	t.Helper()
	require.Equal(t, bpf.OwnerListener, owner.How)
	require.Equal(t, ownComm(t), comm(owner.Comm))
	require.Zero(t, owner.PID)
	require.Zero(t, owner.StartAt)
	require.Zero(t, owner.CgroupID)
}

// TestListenerHint: a child that was never accepted has the name of its listener and no more, on any kind of address.
func TestListenerHint(t *testing.T) {
	privileged(t)
	for _, at := range []struct{ listens, host string }{
		{"127.0.0.1:0", "127.0.0.1"}, {"0.0.0.0:0", "127.0.0.1"}, {"[::]:0", "127.0.0.1"}, {"[::]:0", "::1"}, {"[::1]:0", "::1"},
	} {
		t.Run(at.listens+" "+at.host, func(t *testing.T) {
			namespace(t)
			before := listen(t, at.listens)
			c := started(t, DefaultConfig())
			after := listen(t, at.listens)
			for _, listener := range []*net.TCPListener{before, after} {
				local, remote := child(t, listener, at.host)
				require.NoError(t, listener.Close())
				end := c.connection(local, remote)
				listenersHint(t, end.Owner)
				require.True(t, end.Evidence.Has(bpf.FlagNoSocket))
			}
		})
	}
}

// TestListenerHintGivesWay to whoever uses the socket; ours is left out all the same.
func TestListenerHintGivesWay(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	p := connect(t, "127.0.0.1")
	say(t, p.client, p.server, "question")
	require.NoError(t, p.client.Close())
	require.NoError(t, p.server.Close())
	ownedByUs(t, c.connection(p.to, p.from).Owner, bpf.OwnerRead)
}

// TestListenerThatIsGone: a listener at another address or port of the same namespace is no hint.
func TestListenerThatIsGone(t *testing.T) {
	privileged(t)
	namespace(t)
	first := listen(t, "127.0.0.1:0")
	port := first.Addr().(*net.TCPAddr).Port
	c := started(t, DefaultConfig())
	key := func() int {
		n := 0
		var found [24]byte
		var value [16]byte
		for entries := c.collection.Maps["listeners"].Iterate(); entries.Next(&found, &value); {
			if uint32(found[16])|uint32(found[17])<<8|uint32(found[18])<<16|uint32(found[19])<<24 == c.netns &&
				int(found[20])|int(found[21])<<8 == port {
				require.Equal(t, ownComm(t), comm(value))
				n++
			}
		}
		return n
	}
	require.Equal(t, 1, key(), "seeded")
	require.NoError(t, first.Close())
	require.Zero(t, key(), "forgotten")
}
