// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// user is a process as it was when it used a socket.
type user struct {
	pid       uint32
	comm, exe string
}

func userOf(a *lab.Actor) user { return user{a.PID, a.Comm, a.Exe} }

// holder is who a socket's owner is in truth: the process that last used it in its own context. opener used it first.
type holder struct {
	local, remote netip.AddrPort
	owner, opener user
	mixture       string
}

// owners is the load: a client's and a server's process, and the true owners of their sockets.
type owners struct {
	t              *testing.T
	world          *lab.Lab
	client, server *lab.Actor
	listener       *lab.Socket
	truth          []holder
}

// by says who the socket's owner is. Nobody used it before.
func (o *owners) by(mixture string, s *lab.Socket, a *lab.Actor) {
	o.passed(mixture, s, userOf(a), userOf(a))
}

// passed says who used the socket first and who used it last.
func (o *owners) passed(mixture string, s *lab.Socket, opener, owner user) {
	o.truth = append(o.truth, holder{s.Local, s.Remote, owner, opener, mixture})
}

// pair connects and has both sides use their socket.
func (o *owners) pair(client *lab.Actor) (*lab.Socket, *lab.Socket) {
	o.t.Helper()
	c := client.Dial(o.listener.Local)
	s := o.listener.Accept()
	c.Write(1)
	s.Read(1)
	return c, s
}

// abort resets the connection while the server's process does nothing.
func abort(client, server *lab.Socket) {
	client.Linger0()
	client.Close()
	server.Wait(kernelTimeout)
	server.Close()
}

// mixture is one way in which sockets change hands, and its share of the load.
type mixture struct {
	name  string
	share int
	make  func(o *owners, name string)
}

var mixtures = []mixture{
	{"plain", 150, func(o *owners, name string) {
		c, s := o.pair(o.client)
		o.by(name, c, o.client)
		o.by(name, s, o.server)
		c.Close()
		s.Read(1)
		s.Close()
	}},
	{"reset while nobody looks", 100, func(o *owners, name string) {
		c, s := o.pair(o.client)
		o.by(name, c, o.client)
		o.by(name, s, o.server)
		abort(c, s)
	}},
	{"never used by the acceptor", 50, func(o *owners, name string) {
		c := o.client.Dial(o.listener.Local)
		s := o.listener.Accept()
		o.by(name, c, o.client)
		o.by(name, s, o.server)
		abort(c, s)
	}},
	{"thread of another name", 100, func(o *owners, name string) {
		thread := o.client.Thread("poller")
		c, s := o.pair(thread)
		o.by(name, c, o.client)
		o.by(name, s, o.server)
		c.Close()
		s.Read(1)
		s.On(o.server.Thread("closer")).Close()
	}},
	{"killed by ss", 40, func(o *owners, name string) {
		c, s := o.pair(o.client)
		o.by(name, c, o.client)
		o.by(name, s, o.server)
		o.world.A.Run(o.t, "ss", "-K", "sport", "=", strconv.Itoa(int(c.Local.Port())))
		s.Wait(kernelTimeout)
		s.Close()
		c.Close()
	}},
	{"descriptor passed", 30, func(o *owners, name string) {
		c, s := o.pair(o.client)
		heir := o.world.A.Actor(o.t, "heir")
		c = c.PassTo(heir)
		o.passed(name, c, userOf(o.client), userOf(heir))
		o.by(name, s, o.server)
		c.Write(1)
		s.Read(1)
		s.Close()
		c.Read(1)
		c.Close()
	}},
	{"forked child closes", 15, func(o *owners, name string) {
		parent := o.world.A.Actor(o.t, "parent")
		c, s := o.pair(parent)
		heir := c.Inherit("child")
		o.passed(name, c, userOf(parent), userOf(heir.Actor))
		o.by(name, s, o.server)
		c.Close() // the connection lives on in the child
		heir.Write(1)
		heir.Close()
		s.Read(2)
		s.Close()
	}},
	{"owner dies, a child holds on, the peer resets", 15, func(o *owners, name string) {
		parent := o.world.A.Actor(o.t, "parent")
		c, s := o.pair(parent)
		heir := c.Inherit("child")
		o.by(name, c, parent) // nobody used it after its parent did
		o.by(name, s, o.server)
		parent.Kill()
		s.Linger0()
		s.Close()
		heir.Wait(kernelTimeout)
		heir.Actor.End()
	}},
}

// workers are children that accept from a listener they inherited.
func (o *owners) workers(n int) {
	const name = "accepted by a worker of an inherited listener"
	worker := o.world.B.Actor(o.t, "master").Listen(o.world.B.IPv6, 16).Inherit("worker")
	for range n {
		c := o.client.Dial(worker.Local)
		s := worker.Accept()
		o.by(name, c, o.client)
		o.by(name, s, worker.Actor)
		c.Write(1)
		s.Read(1)
		s.Close()
		c.Read(1)
		c.Close()
	}
}

// TestOwners: over a mixed load the owner is right or unknown, never wrong.
func TestOwners(t *testing.T) {
	w := watching(t)
	world := lab.New(t)
	namespaces := []namespace{namespaceOf(t, world.A), namespaceOf(t, world.B)}
	o := &owners{t: t, world: world, client: world.A.Actor(t, "client"), server: world.B.Actor(t, "server")}
	o.listener = o.server.Listen(world.B.IPv4, 16)
	divide := 1
	if inGuest() {
		divide = 5
	}
	for _, m := range append(mixtures, images...) {
		for range m.share / divide {
			m.make(o, m.name)
		}
	}
	o.workers(50 / divide)
	w.until(len(o.truth), namespaces...)
	w.stop()
	rows := w.rows(namespaces...)
	require.Equal(t, len(o.truth), len(rows))
	// Ports are used again: rows and truths of one tuple are paired in the order in which they began.
	slices.SortFunc(rows, func(a, b *schema.Connection) int { return cmp.Compare(a.OpenedAt.Value, b.OpenedAt.Value) })
	words := map[string]int{}
	for _, h := range o.truth {
		var word string
		word, rows = h.judge(rows)
		words[word]++
		if word != "right" {
			words[word+" in "+h.mixture]++
		}
	}
	require.Empty(t, rows, "rows that nobody expects")
	fmt.Printf("OWNERS\t%d sockets\tright %d\tunknown %d\twrong %d\t%v\n", len(o.truth), words["right"], words["unknown"], words["wrong"], words)
	require.Zero(t, words["wrong"]+words["missing"])
	require.Zero(t, words["unknown"])
}

// judge removes the first row of the holder's tuple, and returns right, unknown, wrong or missing.
func (h *holder) judge(rows []*schema.Connection) (word string, rest []*schema.Connection) {
	i := slices.IndexFunc(rows, func(c *schema.Connection) bool {
		return netip.AddrPortFrom(c.LocalIP, c.LocalPort) == h.local && netip.AddrPortFrom(c.RemoteIP, c.RemotePort) == h.remote
	})
	if i < 0 {
		return "missing", rows
	}
	c := rows[i]
	rest = slices.Delete(rows, i, i+1)
	switch {
	case c.Owner.How == schema.OwnerUnknown:
		return "unknown", rest
	case c.Owner.How == schema.OwnerListener && c.Owner.Comm == h.owner.comm && c.Opener == schema.Opener{}:
		return "right", rest // nobody used it
	case user{c.Owner.PID, c.Owner.Comm, c.Owner.Exe} == h.owner && user{c.Opener.PID, c.Opener.Comm, c.Opener.Exe} == h.opener:
		return "right", rest
	}
	fmt.Printf("WRONG\t%s\twant %+v opened by %+v, got %+v opened by %+v\n", h.mixture, h.owner, h.opener, c.Owner, c.Opener)
	return "wrong", rest
}

// TestRecordWhileTheDescriptorIsHeld: the record of an ending comes though the application keeps the dead descriptor. It comes
// within two seconds of the kernel's clock: no message before it has a record that is two seconds younger. Refused connects
// beside it make such records.
func TestRecordWhileTheDescriptorIsHeld(t *testing.T) {
	const (
		endings = 5
		maxLate = 2 * time.Second
	)
	w := watching(t)
	world := lab.New(t)
	here := namespaceOf(t, world.A)
	beside := world.B.Actor(t, "beside")
	for i := range endings {
		listener := world.B.Actor(t, "server").Listen(world.B.IPv4, 4)
		client := world.A.Actor(t, "client").Dial(listener.Local)
		server := listener.Accept()
		server.Close()
		client.Read(1)
		client.Shutdown(syscall.SHUT_WR)
		require.True(t, w.reach(t, func() bool {
			beside.StartRefusals(netip.AddrPortFrom(loopback, 9), 1)
			beside.FinishStorm()
			return len(w.rows(here)) > i
		}))
		require.Zero(t, client.Unread(), "the descriptor is open")
		c := rowOf(client, w.rows(here))
		require.NotNil(t, c)
		require.Equal(t, schema.CausePeerClose, schema.Decide(c).Cause)
	}
	t.Logf("the latest record came %s after its end", w.latest.Round(time.Millisecond))
	require.Less(t, w.latest, maxLate)
}
