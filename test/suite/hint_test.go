// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// childrenOfAListener is how many children each listener gets that nobody uses.
const childrenOfAListener = 5

// hinted is a child that nobody used, and the process that held its listener when it was made; "" if several did.
type hinted struct {
	local, remote netip.AddrPort
	comm          string
	listener      string
}

// hints makes children that are reset before anybody uses them.
type hints struct {
	t      *testing.T
	world  *lab.Lab
	client *lab.Actor
	truth  []hinted
}

func (h *hints) server(comm string) *lab.Actor { return h.world.B.Actor(h.t, comm) }

// child gives the listener a child of which comm is the owner.
func (h *hints) child(listener *lab.Socket, comm, what string) *lab.Socket {
	c := h.client.Dial(listener.Local)
	h.truth = append(h.truth, hinted{listener.Local, c.Local, comm, what})
	return c
}

func (h *hints) children(listener *lab.Socket, comm, what string) {
	for range childrenOfAListener {
		reset(h.child(listener, comm, what))
	}
}

func reset(client *lab.Socket) {
	client.Linger0()
	client.Close()
}

// alone are listeners that one process holds.
func (h *hints) alone(older *lab.Socket) {
	h.children(older, older.Actor.Comm, "older than the agent")
	listener := h.server("server").Listen(h.world.B.IPv6, 64)
	h.children(listener, "act-server", "v6")
	listener.Actor.Rename("renamed")
	h.children(listener, "renamed", "renamed")
	listener = listener.Exec("program")
	h.children(listener, "act-program", "another program")
	c := h.child(listener, "act-program", "closed with children in its queue")
	listener.Close()
	c.Wait(kernelTimeout)
	c.Close()
	every := h.server("any").Listen(netip.IPv6Unspecified(), 64)
	every.Local = netip.AddrPortFrom(h.world.B.IPv4, every.Local.Port())
	h.children(every, "act-any", "every address, v4-mapped")
}

// multipath is a listener for MPTCP, as Go's servers have it; "older" began before the agent.
func (h *hints) multipath(older *lab.Socket) {
	if older == nil {
		return
	}
	h.children(older, older.Actor.Comm, "MPTCP, older than the agent")
	h.children(h.server("multi").ListenMPTCP(h.world.B.IPv4, 64), "act-multi", "MPTCP")
}

// shared are listeners that another process may hold too, or instead.
func (h *hints) shared() {
	master := h.server("master").Listen(h.world.B.IPv4, 64)
	worker := master.Inherit("worker")
	h.children(master, "", "inherited by a child")
	master.Close()
	h.children(worker, "", "left to a child")
	h.children(h.server("giver").Listen(h.world.B.IPv4, 64).PassTo(h.server("taker")), "", "passed")
}

// reusePort are two listeners of one port. Who accepts a child is who held its listener.
func (h *hints) reusePort() {
	one := h.server("one").ListenShared(netip.AddrPortFrom(h.world.B.IPv4, 0), 64)
	two := h.server("two").ListenShared(one.Local, 64)
	seen := map[string]bool{}
	for range 4 * childrenOfAListener {
		c := h.child(one, "", "SO_REUSEPORT")
		accepted := h.acceptedBy(one, two)
		h.truth[len(h.truth)-1].comm = accepted.Actor.Comm
		seen[accepted.Actor.Comm] = true
		reset(c)
		accepted.Wait(kernelTimeout)
		accepted.Close()
	}
	require.Len(h.t, seen, 2, "the kernel chose one listener only")
}

func (h *hints) acceptedBy(listeners ...*lab.Socket) *lab.Socket {
	for end := time.Now().Add(kernelTimeout); time.Now().Before(end); {
		for _, l := range listeners {
			if s, ok := l.TryAccept(time.Millisecond); ok {
				return s
			}
		}
	}
	require.FailNow(h.t, "nobody accepts")
	return nil
}

// TestListenersHints: a child that nobody used has the name of the process that held its listener then, or none, never another.
func TestListenersHints(t *testing.T) {
	world := lab.New(t)
	h := &hints{t: t, world: world, client: world.A.Actor(t, "client")}
	older := h.server("older").Listen(world.B.IPv4, 64)
	var multipath *lab.Socket
	if world.B.HasMPTCP(t) {
		multipath = h.server("oldmulti").ListenMPTCP(world.B.IPv4, 64)
	}
	w := watching(t)
	here := namespaceOf(t, world.B)
	h.alone(older)
	h.multipath(multipath)
	h.shared()
	h.reusePort()
	w.until(len(h.truth), here)
	w.stop()
	rows := w.rows(here)
	require.Equal(t, len(h.truth), len(rows))
	words := map[string]int{}
	for _, c := range rows {
		word, what := h.judge(c)
		words[word]++
		if word != "right" {
			words[word+" in "+what]++
		}
	}
	fmt.Printf("HINTS\t%d children\tright %d\tunknown %d\twrong %d\t%v\n", len(rows), words["right"], words["unknown"], words["wrong"], words)
	require.Zero(t, words["wrong"])
	require.Zero(t, words["unknown"], "one process held the listener")
}

// judge says right also if nobody can know and the row says so.
func (h *hints) judge(c *schema.Connection) (word, listener string) {
	local, remote := netip.AddrPortFrom(c.LocalIP, c.LocalPort), netip.AddrPortFrom(c.RemoteIP, c.RemotePort)
	for _, x := range h.truth {
		if x.local != local || x.remote != remote {
			continue
		}
		switch {
		case c.Owner.How == schema.OwnerListener && c.Owner.Comm == x.comm, c.Owner.How == schema.OwnerUnknown && x.comm == "":
			return "right", x.listener
		case c.Owner.How == schema.OwnerUnknown:
			return "unknown", x.listener
		}
		fmt.Printf("WRONG\t%s\twant %q, got %+v\n", x.listener, x.comm, c.Owner)
		return "wrong", x.listener
	}
	return "wrong", "no such child"
}
