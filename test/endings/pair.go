// SPDX-License-Identifier: Apache-2.0

package endings

import (
	"net/netip"
	"testing"

	"tcpledger/test/lab"
	"tcpledger/test/wait"
)

// pair is an established connection from host A to host B, both ends used once so that both owners are known.
type pair struct {
	lab            *lab.Lab
	client, server *lab.Socket
	listener       *lab.Socket
}

// scenarioTimeout bounds how long a scenario waits for an end that must come.
const scenarioTimeout = wait.Long

// greeting is the number of bytes that connect sends each way.
const greeting = 100

// connect makes a pair over the address of host B that choose returns.
func connect(t testing.TB, l *lab.Lab, choose func(*lab.Host) netip.Addr) *pair {
	t.Helper()
	p := connectSilent(t, l, choose)
	p.client.Write(greeting)
	p.server.Read(greeting)
	p.server.Write(greeting)
	p.client.Read(greeting)
	return p
}

func connectSilent(t testing.TB, l *lab.Lab, choose func(*lab.Host) netip.Addr) *pair {
	t.Helper()
	p := &pair{lab: l, listener: l.B.Actor(t, "server").Listen(choose(l.B), 16)}
	p.client = l.A.Actor(t, "client").Dial(netip.AddrPortFrom(choose(l.B), p.listener.Local.Port()))
	p.server = p.listener.Accept()
	return p
}

func v4(h *lab.Host) netip.Addr { return h.IPv4 }

func v6(h *lab.Host) netip.Addr { return h.IPv6 }

// both expects the client's and the server's row.
func (p *pair) both(t testing.TB, client, server Expect) []Expect {
	t.Helper()
	return []Expect{client.client(t, p.lab.A, p.client), server.server(t, p.lab.B, p.server)}
}
