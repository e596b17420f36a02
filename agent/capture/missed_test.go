// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/bpf"
)

const (
	synSent     = 2
	synReceived = 3
	listens     = 10
)

// without starts a capture that never runs these programs: to those that make up for them every run was missed.
func without(t *testing.T, programs ...string) *watch {
	t.Helper()
	c, err := New(DefaultConfig())
	require.NoError(t, err)
	for _, name := range programs {
		require.Contains(t, c.spec.Programs, name)
		delete(c.spec.Programs, name)
	}
	require.NoError(t, c.Start())
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return watching(t, c)
}

// TestMissedRunsAreMadeUpFor: the kernel skips a program that is already running on the CPU; the second program makes up for it.
func TestMissedRunsAreMadeUpFor(t *testing.T) {
	privileged(t)
	namespace(t)
	c := without(t, "on_state", "on_destroy", "on_reset_sent", "on_reset_in")
	p := connect(t, "127.0.0.1")
	say(t, p.client, p.server, "question")
	other := connect(t, "127.0.0.1")
	require.NoError(t, other.client.SetLinger(0))
	require.NoError(t, other.client.Close())
	kept := c.connection(other.to, other.from).Tuple.Conn
	require.True(t, c.has(kept), "its descriptor is open")
	require.NoError(t, other.server.Close())
	c.until("the state's end", func() bool { return !c.has(kept) })
	require.NoError(t, p.client.SetLinger(0))
	require.NoError(t, p.client.Close())
	_, err := p.server.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, io.EOF)
	require.NoError(t, p.server.Close())

	client, server := c.connection(p.from, p.to), c.connection(p.to, p.from)
	require.Equal(t, bpf.RoleClient, client.Role)
	require.Equal(t, bpf.RoleServer, server.Role)
	require.False(t, client.Evidence.Has(bpf.FlagBeganBefore))
	require.NotEqual(t, bpf.Absent32, client.ConnectUS)
	require.True(t, client.Evidence.Has(bpf.FlagLinger0))
	require.True(t, server.Evidence.Has(bpf.FlagResetReceived))
	ownedByUs(t, client.Owner, bpf.OwnerConnect, bpf.OwnerWrite, bpf.OwnerClose)
	require.Equal(t, client.Tuple.Conn, c.event(bpf.KindResetSent, between(p.from, p.to)).Tuple.Conn)
	require.Equal(t, server.Tuple.Conn, c.event(bpf.KindResetReceived, between(p.to, p.from)).Tuple.Conn)
}

// TestNothingTwice: with both at work, and the state map too small for anything, each record comes once.
func TestNothingTwice(t *testing.T) {
	privileged(t)
	for name, config := range map[string]Config{"room": DefaultConfig(), "no room": with(func(c *Config) { c.StateEntries = 1 })} {
		t.Run(name, func(t *testing.T) {
			namespace(t)
			config.Kinds[bpf.KindState] = true
			c := started(t, config)
			p, q := connect(t, "127.0.0.1"), connect(t, "::1")
			for _, end := range []pair{p, q} {
				require.NoError(t, end.client.SetLinger(0))
				require.NoError(t, end.client.Close())
				_, err := end.server.Read(make([]byte, 1))
				require.Error(t, err)
				require.NoError(t, end.server.Close())
			}
			for _, end := range []pair{p, q} {
				c.connection(end.from, end.to)
				c.connection(end.to, end.from)
			}
			c.drain()
			require.Len(t, c.connections, 4)
			begun := 0
			for _, e := range c.events {
				if e.Head.Kind == bpf.KindState && (e.NewState == synSent || e.OldState == listens && e.NewState == synReceived) {
					begun++
				}
			}
			require.Equal(t, 4, begun)
			require.Len(t, slices.DeleteFunc(c.events, func(e bpf.Event) bool { return e.Head.Kind != bpf.KindResetReceived }), 2)
		})
	}
}

// has reports whether the state of the connection is still kept.
func (w *watch) has(conn uint64) bool {
	w.t.Helper()
	return slices.ContainsFunc(w.states(), func(kept bpf.ConnState) bool { return kept.Tuple.Conn == conn })
}
