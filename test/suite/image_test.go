// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"github.com/stretchr/testify/require"

	"tcpledger/test/lab"
)

// oddName has bytes of every kind: no text, a line's end, a parenthesis and a quote. oddText is how the wire has it.
const (
	oddName = "\x01\xff\x7f )(\n\"'"
	oddText = "\x01?\x7f )(\n\"'"
)

// images are processes that become other programs or take other names.
var images = []mixture{
	{"connects, then another program uses it", 20, func(o *owners, name string) {
		shell := o.world.A.Actor(o.t, "shell")
		c, s := o.pair(shell)
		first := userOf(shell)
		c = c.Exec("program")
		o.answer(s, c)
		o.passed(name, c, first, userOf(c.Actor))
		o.by(name, s, o.server)
		abort(c, s)
	}},
	{"connects, then another program only holds it", 20, func(o *owners, name string) {
		shell := o.world.A.Actor(o.t, "shell")
		c, s := o.pair(shell)
		o.by(name, c, shell) // the last that used it
		c = c.Exec("program")
		o.by(name, s, o.server)
		abort(s, c)
	}},
	{"renamed", 20, func(o *owners, name string) {
		p := o.world.A.Actor(o.t, "old")
		c, s := o.pair(p)
		p.Rename("new name")
		o.answer(s, c)
		o.by(name, c, p)
		o.by(name, s, o.server)
		p.Rename("not seen")
		abort(s, c)
	}},
	{"a name of any bytes", 5, func(o *owners, name string) {
		p := o.world.A.Actor(o.t, "odd")
		c, s := o.pair(p)
		p.Rename(oddName)
		o.answer(s, c)
		p.Comm = oddText
		o.by(name, c, p)
		o.by(name, s, o.server)
		abort(c, s)
	}},
	{"held by a process of another namespace", 10, func(o *owners, name string) {
		c, s := o.pair(o.client)
		heir := o.world.B.Actor(o.t, "abroad")
		c = c.PassTo(heir)
		o.passed(name, c, userOf(o.client), userOf(heir)) // the row is of the socket's namespace
		o.by(name, s, o.server)
		o.answer(s, c)
		abort(s, c)
	}},
	{"a pid used again at once", 5, func(o *owners, name string) {
		parent := o.world.A.Actor(o.t, "parent")
		c, s := o.pair(parent)
		first := c.Inherit("first")
		o.answer(s, first)
		first.Actor.End()
		parent.Reap(first.Actor)
		second := o.again(c, first.Actor)
		o.answer(s, second)
		o.passed(name, c, userOf(parent), userOf(second.Actor))
		o.by(name, s, o.server)
		abort(s, second)
		c.Close()
	}},
}

// answer has the client's end used by a read: old kernels do not show who writes.
func (o *owners) answer(server, client *lab.Socket) {
	server.Write(1)
	client.Read(1)
}

// again forks children until one has the pid of an earlier one. Others take pids meanwhile.
func (o *owners) again(s *lab.Socket, earlier *lab.Actor) *lab.Socket {
	const tries = 1000
	parent := s.Actor
	for range tries {
		parent.NextPID(earlier.PID)
		heir := s.Inherit("second")
		if heir.Actor.PID == earlier.PID {
			return heir
		}
		heir.Actor.End()
		parent.Reap(heir.Actor)
	}
	require.FailNow(o.t, "no child got the pid", "%d", earlier.PID)
	return nil
}
