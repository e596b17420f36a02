// SPDX-License-Identifier: Apache-2.0

package endings

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// sent is an ending that sends a reset, resetBy what its peer sees.
func sent(cause schema.Cause, by schema.Initiator) Expect {
	return Expect{Cause: cause, Initiator: by, Reset: schema.ResetSent}
}

func resetBy(who schema.Initiator) Expect {
	return Expect{Cause: schema.CausePeerReset, Initiator: who, Reset: schema.ResetReceived, Error: "ECONNRESET"}
}

func lingerAbort(choose func(*lab.Host) netip.Addr) func(testing.TB, *lab.Lab) []Expect {
	return func(t testing.TB, l *lab.Lab) []Expect {
		p := connect(t, l, choose)
		p.client.Linger0()
		p.client.Close()
		p.server.Wait(scenarioTimeout)
		return p.both(t, sent(schema.CauseLingerAbort, schema.InitiatorLocal).bytes(greeting, greeting, 0),
			resetBy(schema.InitiatorPeer).bytes(greeting, greeting, 0))
	}
}

func unreadData(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	p.client.Write(700)
	waitUnread(t, p.server, 700)
	p.server.Close()
	p.client.Wait(scenarioTimeout)
	return p.both(t, resetBy(schema.InitiatorPeer).bytes(greeting+700, greeting, 0),
		sent(schema.CauseCloseUnreadData, schema.InitiatorLocal).bytes(greeting, greeting+700, 700))
}

// exitUnread is a server that is killed with data unread: the process's exit named it, the reset stays in the row.
func exitUnread(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	p.client.Write(700)
	waitUnread(t, p.server, 700)
	p.server.Actor.Kill()
	p.client.Wait(scenarioTimeout)
	return p.both(t, resetBy(schema.InitiatorPeer).bytes(greeting+700, greeting, 0),
		sent(schema.CauseProcessExit, schema.InitiatorLocal).bytes(greeting, greeting+700, 700))
}

func waitUnread(t testing.TB, s *lab.Socket, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Unread() == n }, scenarioTimeout, 5*time.Millisecond)
}

func disconnects(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	p.client.Disconnect()
	p.server.Wait(scenarioTimeout)
	return p.both(t, sent(schema.CauseDisconnect, schema.InitiatorLocal).bytes(greeting, greeting, 0),
		resetBy(schema.InitiatorPeer).bytes(greeting, greeting, 0))
}

// dataAfterClose: the client closes, the server still sends, the client's kernel answers with a reset. The client's FIN and
// the data are acknowledged by one segment, in FIN_WAIT1.
func dataAfterClose(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	// Acknowledgements without data do not come, whatever their options: the socket stays in FIN_WAIT1 until
	// the data does.
	stop := l.A.Drop(t, "input", "ip protocol tcp ip length < 100 tcp flags & (fin|ack) == ack")
	defer stop()
	p.client.Close()
	p.server.Read(1)
	return p.lateData(t, "")
}

// dataInFinWait2: the same with the FIN acknowledged. A long FIN timeout keeps the socket itself there, no minisock.
func dataInFinWait2(t testing.TB, l *lab.Lab) []Expect {
	l.A.Sysctl(t, "net/ipv4/tcp_fin_timeout", "120")
	p := connect(t, l, v6)
	p.client.Close()
	p.server.Read(1)
	p.client.Await("fin-wait-2")
	return p.lateData(t, "ECONNRESET")
}

// lateData has the server send to a client that closed; errno is what that leaves in the client's dead socket.
func (p *pair) lateData(t testing.TB, errno string) []Expect {
	p.server.Write(50)
	p.server.Wait(scenarioTimeout)
	server := Expect{Cause: schema.CausePeerReset, Initiator: schema.InitiatorPeer, Reset: schema.ResetReceived, Error: "EPIPE"}
	return p.both(t, sent(schema.CauseDataAfterClose, schema.InitiatorLocal).failed(errno).bytes(greeting, greeting, 0),
		server.bytes(greeting+50, greeting, 0))
}

func killed(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	l.A.Run(t, "ss", "-K", "dst", p.client.Remote.Addr().String(), "dport", "=", portText(p.client.Remote))
	p.server.Wait(scenarioTimeout)
	return p.both(t, sent(schema.CauseKilled, schema.InitiatorLocal).failed("ECONNABORTED").bytes(greeting, greeting, 0),
		resetBy(schema.InitiatorPeer).bytes(greeting, greeting, 0))
}

// linger2Off is a client that does not wait for the peer's FIN.
func linger2Off(t testing.TB, l *lab.Lab) []Expect {
	p := connect(t, l, v4)
	p.client.Set(unix.IPPROTO_TCP, unix.TCP_LINGER2, -1)
	p.client.Close()
	p.server.Wait(scenarioTimeout)
	return p.both(t, sent(schema.CauseLinger2Timeout, schema.InitiatorLocal).bytes(greeting, greeting, 0),
		Expect{Cause: schema.CausePeerReset, Initiator: schema.InitiatorPeer, Reset: schema.ResetReceived, Error: "EPIPE"}.bytes(greeting, greeting, 0))
}

// listenerCloses: a connection that was never accepted ends with its listener.
func listenerCloses(t testing.TB, l *lab.Lab) []Expect { return neverAccepted(t, l, 16, 1) }

// fullQueueCloses: the same with as many as the listener's queue holds.
func fullQueueCloses(t testing.TB, l *lab.Lab) []Expect { return neverAccepted(t, l, 3, 4) }

func neverAccepted(t testing.TB, l *lab.Lab, backlog, clients int) []Expect {
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, backlog)
	actor := l.A.Actor(t, "client")
	var dialed []*lab.Socket
	for range clients {
		dialed = append(dialed, actor.Dial(listener.Local))
	}
	listener.AwaitQueue(clients)
	return closeUnaccepted(t, l, listener, dialed)
}

// overflows: two connections fill the queue, others are turned away until their clients give up.
func overflows(choose func(*lab.Host) netip.Addr) func(testing.TB, *lab.Lab) []Expect {
	return func(t testing.TB, l *lab.Lab) []Expect {
		listener := l.B.Actor(t, "server").Listen(choose(l.B), 1)
		inside, outside := l.A.Actor(t, "client"), l.A.Actor(t, "impatient")
		dialed := []*lab.Socket{inside.Dial(listener.Local), inside.Dial(listener.Local)}
		listener.AwaitQueue(len(dialed))
		before := l.B.Counters(t)["TcpExtListenOverflows"]
		var rows []Expect
		for range 3 {
			s := outside.Open(listener.Local.Addr()).StartConnect(listener.Local)
			require.Equal(t, syscall.EINPROGRESS, s.Errno)
			require.Eventually(t, func() bool { return l.B.Counters(t)["TcpExtListenOverflows"] > before+int64(len(rows)) }, scenarioTimeout, time.Millisecond)
			s.Close()
			rows = append(rows, clean(schema.CauseConnectAbandoned, schema.InitiatorLocal).client(t, l.A, s))
		}
		return append(rows, closeUnaccepted(t, l, listener, dialed)...)
	}
}

// closeUnaccepted closes the listener of connections that nobody accepted.
func closeUnaccepted(t testing.TB, l *lab.Lab, listener *lab.Socket, dialed []*lab.Socket) (rows []Expect) {
	t.Helper()
	listener.Close()
	for _, client := range dialed {
		client.Wait(scenarioTimeout)
		child := sent(schema.CauseListenerClosed, schema.InitiatorLocal).server(t, l.B, listener)
		child.Remote, child.OwnerPID, child.OwnerHow = client.Local, 0, []schema.OwnerHow{schema.OwnerListener, schema.OwnerUnknown}
		child.OwnerComm = ""
		rows = append(rows, resetBy(schema.InitiatorPeer).client(t, l.A, client), child)
	}
	return rows
}
