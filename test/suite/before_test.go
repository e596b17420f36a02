// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// older is a connection that is there before the agent, and what the ledger may say when it ends.
type older struct {
	name           string
	client, server *lab.Socket
	prepare, end   func(t *testing.T, o *older)
	wantClient     oldEnd
	wantServer     oldEnd
}

// oldEnd is the truth about one side. Its owner is its actor; an orphan's descriptor was closed before the agent started.
type oldEnd struct {
	cause     schema.Cause
	initiator schema.Initiator
	orphan    bool
}

var olderOnes = []older{
	{name: "client closes", end: clientEnds,
		wantClient: oldEnd{cause: schema.CauseLocalClose, initiator: schema.InitiatorLocal},
		wantServer: oldEnd{cause: schema.CausePeerClose, initiator: schema.InitiatorPeer}},
	{name: "server closes", end: serverEnds,
		wantClient: oldEnd{cause: schema.CausePeerClose, initiator: schema.InitiatorPeer},
		wantServer: oldEnd{cause: schema.CauseLocalClose, initiator: schema.InitiatorLocal}},
	// The processes do nothing after the agent came: the server's row is made in softirq, its owner is the seed's.
	{name: "peer resets", prepare: func(_ *testing.T, o *older) { o.client.Linger0() },
		end:        func(_ *testing.T, o *older) { o.client.Close(); o.server.Wait(kernelTimeout) },
		wantClient: oldEnd{cause: schema.CauseLingerAbort, initiator: schema.InitiatorLocal},
		wantServer: oldEnd{cause: schema.CausePeerReset, initiator: schema.InitiatorPeer}},
	{name: "process dies", end: func(_ *testing.T, o *older) { o.client.Actor.Kill(); o.server.Read(1); o.server.Close() },
		wantClient: oldEnd{cause: schema.CauseProcessExit, initiator: schema.InitiatorLocal},
		wantServer: oldEnd{cause: schema.CausePeerClose, initiator: schema.InitiatorPeer}},
	// The state tells who shut down first. Nothing tells whether by close() or by shutdown().
	{name: "CLOSE_WAIT", prepare: func(_ *testing.T, o *older) { o.client.Shutdown(unix.SHUT_WR); o.server.Await("close-wait") },
		end:        serverEnds,
		wantClient: oldEnd{cause: schema.CauseUnknown, initiator: schema.InitiatorLocal},
		wantServer: oldEnd{cause: schema.CausePeerClose, initiator: schema.InitiatorPeer}},
	{name: "FIN_WAIT2 without a process", prepare: func(_ *testing.T, o *older) { o.client.Close(); o.server.Await("close-wait") },
		end:        func(_ *testing.T, o *older) { o.server.Close() },
		wantClient: oldEnd{cause: schema.CauseUnknown, initiator: schema.InitiatorLocal, orphan: true},
		wantServer: oldEnd{cause: schema.CausePeerClose, initiator: schema.InitiatorPeer}},
}

func clientEnds(_ *testing.T, o *older) { o.client.Close(); o.server.Read(1); o.server.Close() }

func serverEnds(_ *testing.T, o *older) { o.server.Close(); o.client.Read(1); o.client.Close() }

// TestBeganBefore: a connection from before the agent has no known start. It has its owner, and a cause if evidence is left.
func TestBeganBefore(t *testing.T) {
	stopForeign := func() {}
	if !inGuest() { // rows of others must change nothing; a guest has no CPU for both
		stopForeign = lab.StartForeignLoad(t, 1).Stop
	}
	world := lab.New(t)
	world.A.Sysctl(t, "net/ipv4/tcp_fin_timeout", "120") // the socket itself stays in FIN_WAIT2, no minisock
	namespaces := []namespace{namespaceOf(t, world.A), namespaceOf(t, world.B)}
	var all []*older
	for _, ip := range []netip.Addr{world.B.IPv4, world.B.IPv6} {
		for _, o := range slices.Clone(olderOnes) {
			listener := world.B.Actor(t, "server").Listen(ip, 4)
			o.client = world.A.Actor(t, "client").Dial(listener.Local)
			o.server = listener.Accept()
			o.client.Write(7)
			o.server.Read(7)
			o.name += " over " + ip.String()
			if o.prepare != nil {
				o.prepare(t, &o)
			}
			all = append(all, &o)
		}
	}
	w := watching(t)
	for _, o := range all {
		o.end(t, o)
	}
	w.until(2*len(all), namespaces...)
	stopForeign()
	w.stop()
	rows := w.rows(namespaces...)
	require.Len(t, rows, 2*len(all))
	for _, o := range all {
		t.Run(o.name, func(t *testing.T) {
			o.wantClient.judge(t, o.client, rows)
			o.wantServer.judge(t, o.server, rows)
		})
	}
}

func (want oldEnd) judge(t *testing.T, s *lab.Socket, rows []*schema.Connection) {
	t.Helper()
	c := rowOf(s, rows)
	require.NotNil(t, c, "no row of %s", s)
	v := schema.Decide(c)
	require.Equal(t, want.cause, v.Cause, "%+v", *c)
	require.Equal(t, want.initiator, v.Initiator)
	require.True(t, c.Flags.Has(schema.FlagBeganBefore))
	require.False(t, c.OpenedAt.Known)
	require.False(t, c.ConnectUS.Known)
	require.Equal(t, schema.RoleUnknown, c.Role)
	if want.orphan {
		require.Equal(t, schema.OwnerUnknown, c.Owner.How)
		require.Zero(t, c.Owner.PID)
		return
	}
	require.Contains(t, []schema.OwnerHow{schema.OwnerSeed, schema.OwnerRead, schema.OwnerWrite, schema.OwnerClose}, c.Owner.How)
	require.Equal(t, s.Actor.PID, c.Owner.PID)
	require.Equal(t, s.Actor.Comm, c.Owner.Comm)
}

// rowOf finds the socket's row; both sides of a connection within one namespace differ by their ports.
func rowOf(s *lab.Socket, rows []*schema.Connection) *schema.Connection {
	for _, c := range rows {
		if netip.AddrPortFrom(c.LocalIP, c.LocalPort) == s.Local && netip.AddrPortFrom(c.RemoteIP, c.RemotePort) == s.Remote {
			return c
		}
	}
	return nil
}
