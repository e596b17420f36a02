// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"net"
	"net/netip"
	"os"
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

// TestListenerThatIsGone: its entry goes with it.
func TestListenerThatIsGone(t *testing.T) {
	privileged(t)
	namespace(t)
	first := listen(t, "127.0.0.1:0")
	var fd int
	onSocket(t, first, func(number int) error { fd = number; return nil })
	c := started(t, DefaultConfig())
	entries := func() (n int) {
		var key uint64
		var value bpf.Listener
		for all := c.collection.Maps["listeners"].Iterate(); all.Next(&key, &value); {
			if int(value.PID) == os.Getpid() && int(value.FD) == fd {
				n++
			}
		}
		return n
	}
	require.Equal(t, 1, entries(), "seeded")
	require.NoError(t, first.Close())
	require.Zero(t, entries(), "forgotten")
}
