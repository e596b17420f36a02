// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

const protocolMPTCP = 262

// multipath is a way in which an MPTCP connection ends. The causes are the true ones, `unknown` is always allowed: subflows
// are often closed by kernel workers.
type multipath struct {
	name           string
	end            func(client, server *lab.Socket)
	client, server []schema.Cause
}

var multipaths = []multipath{
	{"client closes", func(client, server *lab.Socket) { client.Close(); server.Read(1); server.Close() },
		[]schema.Cause{schema.CauseLocalClose}, []schema.Cause{schema.CausePeerClose}},
	{"server closes", func(client, server *lab.Socket) { server.Close(); client.Read(1); client.Close() },
		[]schema.Cause{schema.CausePeerClose}, []schema.Cause{schema.CauseLocalClose}},
	// The subflow is reset by MP_FASTCLOSE, which each side may finish first.
	{"linger abort", func(client, server *lab.Socket) {
		client.Linger0()
		client.Close()
		server.Wait(kernelTimeout)
		server.Close()
	},
		[]schema.Cause{schema.CauseLingerAbort, schema.CauseDisconnect, schema.CauseLocalClose}, []schema.Cause{schema.CausePeerReset}},
	{"process exits", func(client, server *lab.Socket) { client.Actor.Kill(); server.Read(1); server.Close() },
		[]schema.Cause{schema.CauseProcessExit}, []schema.Cause{schema.CausePeerClose}},
}

// TestMPTCP: subflows say that they are, and nothing said of them is wrong.
func TestMPTCP(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, protocolMPTCP)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		t.Skip("this kernel has no MPTCP")
	}
	require.NoError(t, err)
	require.NoError(t, unix.Close(fd))
	w := watching(t)
	for _, m := range multipaths {
		t.Run(m.name, func(t *testing.T) {
			world := lab.New(t)
			namespaces := []namespace{namespaceOf(t, world.A), namespaceOf(t, world.B)}
			listener := world.B.Actor(t, "server").ListenMPTCP(world.B.IPv4, 4)
			client := world.A.Actor(t, "client").OpenMPTCP(world.B.IPv4).Connect(listener.Local)
			require.Zero(t, client.Errno)
			server := listener.Accept()
			client.Write(10)
			server.Read(10)
			m.end(client, server)
			w.until(2, namespaces...)
			rows := w.rows(namespaces...)
			require.Len(t, rows, 2)
			judgeSubflow(t, client, rows, m.client)
			judgeSubflow(t, server, rows, m.server)
		})
	}
	w.stop()
}

func judgeSubflow(t *testing.T, s *lab.Socket, rows []*schema.Connection, truth []schema.Cause) {
	t.Helper()
	c := rowOf(s, rows)
	require.NotNil(t, c, "no row of %s", s)
	v := schema.Decide(c)
	t.Logf("%s: %s, %s, by %s, owner %s %d (%s %d)", s, v.Cause, v.Reset, v.Initiator, c.Owner.How, c.Owner.PID, s.Actor.Comm, s.Actor.PID)
	assert.Equal(t, schema.FlavourMPTCPSubflow, c.Flavour)
	assert.Contains(t, append(truth, schema.CauseUnknown), v.Cause, "%+v", *c)
	if c.Owner.PID != 0 {
		assert.Equal(t, s.Actor.PID, c.Owner.PID)
	}
}
