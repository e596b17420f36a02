// SPDX-License-Identifier: Apache-2.0

// Package endings is the suite of scripted TCP endings: each scenario makes real connections in a lab and says what the
// ledger must hold of them, row by row.
package endings

import (
	"net/netip"
	"testing"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// Expect is the truth about one connection.
type Expect struct {
	NetNS     uint32
	Role      schema.Role
	Local     netip.AddrPort
	Remote    netip.AddrPort
	Cause     schema.Cause
	Initiator schema.Initiator
	Reset     schema.Reset
	Error     string
	Sent      uint64
	Received  uint64
	Unread    uint32
	// Restored: TCP_REPAIR made the socket, and its beginning is not known.
	Restored bool
	// MayBeUnknown: the cause is this one or CauseUnknown. No kernel shows which.
	MayBeUnknown bool
	AnyBytes     bool // how much went over the wire is the kernel's business
	Flavour      schema.Flavour
	OwnerPID     uint32 // 0: nobody used it in its own context
	OwnerComm    string
	OwnerHow     []schema.OwnerHow // any of these
}

// Scenario is one way in which connections end.
type Scenario struct {
	Name string
	Run  func(t testing.TB, l *lab.Lab) []Expect
	// Held says that Run leaves a descriptor open. The rows must come before the actors end, which closes it.
	Held bool
}

// clean is what a clean end says: no error, no reset.
func clean(cause schema.Cause, by schema.Initiator) Expect {
	return Expect{Cause: cause, Initiator: by, Reset: schema.ResetNone}
}

// client fills in a connection that s opened on the host.
func (e Expect) client(t testing.TB, h *lab.Host, s *lab.Socket) Expect {
	return e.owned(t, h, s, schema.RoleClient, schema.OwnerConnect, schema.OwnerRead, schema.OwnerWrite, schema.OwnerClose)
}

// server fills in a connection that s accepted on the host.
func (e Expect) server(t testing.TB, h *lab.Host, s *lab.Socket) Expect {
	return e.owned(t, h, s, schema.RoleServer, schema.OwnerRead, schema.OwnerWrite, schema.OwnerClose)
}

func (e Expect) owned(t testing.TB, h *lab.Host, s *lab.Socket, role schema.Role, how ...schema.OwnerHow) Expect {
	e.Flavour = schema.FlavourTCP
	e.NetNS, e.Role, e.OwnerPID, e.OwnerComm, e.OwnerHow = h.Inode(t), role, s.Actor.PID, s.Actor.Comm, how
	e.Local, e.Remote = unmapped(s.Local), unmapped(s.Remote)
	return e
}

// bytes says how much payload went either way and how much of it was never read.
func (e Expect) bytes(sent, received uint64, unread uint32) Expect {
	e.Sent, e.Received, e.Unread = sent, received, unread
	return e
}

// anyBytes says that the test cannot know how much went over the wire.
func (e Expect) anyBytes() Expect {
	e.AnyBytes = true
	return e
}

// failed says which error the socket ended with.
func (e Expect) failed(errno string) Expect {
	e.Error = errno
	return e
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
