// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const closedFile = FlagOwned | FlagFileDead

// ended makes a connection from what a case says beside the ordinary: an established client with both ports.
func ended(change func(*Connection)) *Connection {
	c := &Connection{Socket: Socket{LocalPort: 40000, RemotePort: 80}, Counters: Counters{SegsOut: 5, SegsIn: 5}}
	c.SendWindow = 65535
	change(c)
	return c
}

func firstFin(c *Connection, side Side, f Flags) { c.FirstFin, c.FirstFinFlags = side, f }

// The evidence table: what running kernels showed for each cause.
var endings = []struct {
	name   string
	want   Verdict
	change func(*Connection)
}{
	{"close, then the peer's FIN", Verdict{CauseLocalClose, InitiatorLocal, ResetNone}, func(c *Connection) {
		c.LastState = StateFinWait2
		firstFin(c, SideLocal, closedFile)
	}},
	{"the process exits", Verdict{CauseProcessExit, InitiatorLocal, ResetNone}, func(c *Connection) {
		c.LastState = StateFinWait2
		firstFin(c, SideLocal, closedFile|FlagExiting)
	}},
	{"the process exits with unread data", Verdict{CauseProcessExit, InitiatorLocal, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown, c.RcvNxt = StateEstablished, closedFile|FlagExiting|FlagResetAfter, 3, 10
	}},
	{"shutdown(WR), then the peer's FIN", Verdict{CauseLocalShutdown, InitiatorLocal, ResetNone}, func(c *Connection) {
		c.LastState = StateFinWait2
		firstFin(c, SideLocal, FlagOwned)
	}},
	{"the FIN of a clean end comes while the reader holds the socket", Verdict{CauseLocalShutdown, InitiatorLocal, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags = StateFinWait2, FlagOwned|FlagFinReceived
		firstFin(c, SideLocal, FlagOwned)
	}},
	{"simultaneous close", Verdict{CauseLocalClose, InitiatorLocal, ResetNone}, func(c *Connection) {
		c.LastState = StateClosing
		firstFin(c, SideLocal, closedFile)
	}},
	{"close with unread data", Verdict{CauseCloseUnreadData, InitiatorLocal, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown, c.RcvNxt = StateEstablished, closedFile|FlagResetAfter, 3, 10
	}},
	{"unread goes before linger", Verdict{CauseCloseUnreadData, InitiatorLocal, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown, c.RcvNxt = StateEstablished, closedFile|FlagLinger0|FlagResetAfter, 3, 10
	}},
	{"only the peer's FIN is unread: that is no data", Verdict{CauseUnknown, InitiatorPeer, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown, c.RcvNxt, c.CopiedSeq = StateCloseWait, closedFile|FlagFinReceived, 3, 10, 9
		firstFin(c, SidePeer, 0)
	}},
	{"SO_LINGER 0", Verdict{CauseLingerAbort, InitiatorLocal, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown, c.ResetReason = StateEstablished, closedFile|FlagLinger0|FlagResetAfter, 3, "TCP_STATE"
	}},
	{"SO_LINGER 0 after the peer's FIN", Verdict{CauseLingerAbort, InitiatorPeer, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown = StateCloseWait, closedFile|FlagLinger0|FlagResetAfter, 3
		firstFin(c, SidePeer, 0)
	}},
	{"close with unread data after both FINs, on a kernel that gives no reasons", Verdict{CauseCloseUnreadData, InitiatorPeer, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown, c.RcvNxt = StateLastAck, closedFile|FlagFinReceived|FlagResetAfter, 3, 10
		firstFin(c, SidePeer, 0)
	}},
	{"SO_LINGER 0 after both FINs, nothing unsent: no reset", Verdict{CausePeerClose, InitiatorPeer, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown = StateLastAck, closedFile|FlagFinReceived|FlagLinger0, 3
		firstFin(c, SidePeer, 0)
	}},
	{"SO_LINGER 0 after both FINs, the rest unsent", Verdict{CauseLingerAbort, InitiatorPeer, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown = StateLastAck, closedFile|FlagFinReceived|FlagLinger0|FlagResetAfter, 3
		firstFin(c, SidePeer, 0)
	}},
	{"unread and linger 0 in repair mode: no reset", Verdict{CauseUnknown, InitiatorUnknown, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown, c.RcvNxt = StateEstablished, closedFile|FlagLinger0, 3, 10
	}},
	{"close with unread data, its reset was lost", Verdict{CauseCloseUnreadData, InitiatorLocal, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown, c.RcvNxt = StateEstablished, closedFile|FlagResetUnseen, 3, 10
	}},
	{"connect(AF_UNSPEC)", Verdict{CauseDisconnect, InitiatorLocal, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags = StateEstablished, FlagOwned|FlagResetAfter
	}},
	{"data after close", Verdict{CauseDataAfterClose, InitiatorLocal, ResetSent}, func(c *Connection) {
		c.LastState, c.Error = StateFinWait2, errConnReset
		c.Flags = FlagResetReceived | FlagResetAfter | FlagResetAnswers
		firstFin(c, SideLocal, closedFile)
	}},
	{"a real RST after our FIN", Verdict{CausePeerReset, InitiatorLocal, ResetReceived}, func(c *Connection) {
		c.LastState, c.Error, c.Flags = StateFinWait2, errConnReset, FlagResetReceived
		firstFin(c, SideLocal, closedFile)
	}},
	{"late data or a real RST: the reset that tells was lost", Verdict{CauseUnknown, InitiatorLocal, ResetReceived}, func(c *Connection) {
		c.LastState, c.Error, c.Flags = StateFinWait2, errConnReset, FlagResetReceived|FlagResetUnseen
		firstFin(c, SideLocal, closedFile)
	}},
	{"late data or none: the reset that tells was lost", Verdict{CauseUnknown, InitiatorLocal, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags = StateFinWait2, FlagSockDead|FlagResetUnseen
		firstFin(c, SideLocal, closedFile)
	}},
	{"the peer's FIN, whatever was lost", Verdict{CauseLocalClose, InitiatorLocal, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags = StateFinWait2, FlagSockDead|FlagFinReceived|FlagResetUnseen
		firstFin(c, SideLocal, closedFile)
	}},
	{"a real RST, whatever was lost", Verdict{CausePeerReset, InitiatorPeer, ResetReceived}, func(c *Connection) {
		c.LastState, c.Error, c.Flags = StateEstablished, errConnReset, FlagResetReceived|FlagResetUnseen
	}},
	{"data after the peer's own FIN: no RST arrived", Verdict{CauseUnknown, InitiatorPeer, ResetSent}, func(c *Connection) {
		c.LastState, c.Error, c.Flags = StateLastAck, errConnReset, FlagResetReceived|FlagResetAfter|FlagResetAnswers
		firstFin(c, SidePeer, 0)
	}},
	{"the peer closes", Verdict{CausePeerClose, InitiatorPeer, ResetNone}, func(c *Connection) {
		c.LastState = StateLastAck
		firstFin(c, SidePeer, 0)
	}},
	{"RST", Verdict{CausePeerReset, InitiatorPeer, ResetReceived}, func(c *Connection) {
		c.LastState, c.Error, c.Flags = StateEstablished, errConnReset, FlagResetReceived
	}},
	{"RST in CLOSE_WAIT", Verdict{CausePeerReset, InitiatorPeer, ResetReceived}, func(c *Connection) {
		c.LastState, c.Error, c.Flags = StateCloseWait, errPipe, FlagResetReceived
		firstFin(c, SidePeer, 0)
	}},
	{"refused", Verdict{CauseRefused, InitiatorPeer, ResetReceived}, func(c *Connection) {
		c.LastState, c.Error, c.Flags = StateSynSent, errConnRefused, FlagResetReceived
	}},
	{"refused by ICMP", Verdict{CauseRefused, InitiatorPeer, ResetNone}, func(c *Connection) {
		c.LastState, c.Error = StateSynSent, errConnRefused
	}},
	{"an error that is older than this connect()", Verdict{CauseUnknown, InitiatorUnknown, ResetNone}, func(c *Connection) {
		c.LastState, c.Error, c.SegsOut = StateSynSent, errConnRefused, 0
	}},
	{"connect timeout", Verdict{CauseConnectTimeout, InitiatorKernel, ResetNone}, func(c *Connection) {
		c.LastState, c.Error = StateSynSent, errTimedOut
	}},
	{"no route", Verdict{CauseUnreachable, InitiatorKernel, ResetNone}, func(c *Connection) {
		c.LastState, c.Error = StateSynSent, errHostUnreach
	}},
	{"close while connecting", Verdict{CauseConnectAbandoned, InitiatorLocal, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown = StateSynSent, closedFile, 3
	}},
	{"no port left", Verdict{CauseNoLocalPort, InitiatorKernel, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags, c.LocalPort, c.SegsOut = StateSynSent, FlagOwned, 0, 0
	}},
	{"a bound port that is taken for this peer", Verdict{CauseNoLocalPort, InitiatorKernel, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags, c.SegsOut = StateSynSent, FlagOwned|FlagNoSequence, 0
	}},
	{"connect() that fails with a port and a sequence number", Verdict{CauseUnknown, InitiatorUnknown, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags, c.SegsOut, c.WriteSeq = StateSynSent, FlagOwned, 0, 7
	}},
	{"the application took the refusal from the socket", Verdict{CauseRefused, InitiatorPeer, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown, c.ErrorReported = StateSynSent, closedFile, 3, errConnRefused
	}},
	{"the refusal is there, and nobody was told", Verdict{CauseRefused, InitiatorPeer, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown, c.ErrorSoft = StateSynSent, closedFile, 3, errConnRefused
	}},
	{"the application took the error of the firewall from the socket", Verdict{CauseUnreachable, InitiatorKernel, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown, c.ErrorReported = StateSynSent, closedFile, 3, errAccess
	}},
	{"a pending error, both FINs acknowledged", Verdict{CauseLocalClose, InitiatorLocal, ResetNone}, func(c *Connection) {
		c.LastState, c.Error, c.Flags = StateFinWait2, errHostUnreach, FlagFinReceived|FlagSockDead
		firstFin(c, SideLocal, closedFile)
	}},
	{"a pending error, the peer closed", Verdict{CausePeerClose, InitiatorPeer, ResetNone}, func(c *Connection) {
		c.LastState, c.Error, c.Flags = StateLastAck, errConnRefused, FlagFinReceived
		firstFin(c, SidePeer, 0)
	}},
	{"a pending error and data in retransmission, aborted with SO_LINGER 0", Verdict{CauseLingerAbort, InitiatorLocal, ResetSent}, func(c *Connection) {
		c.LastState, c.Error, c.Flags, c.Shutdown = StateEstablished, errHostUnreach, closedFile|FlagLinger0|FlagResetAfter, 3
		c.TimerRetries, c.SndNxt = 3, 100
	}},
	{"keepalive, ICMP says why", Verdict{CauseKeepaliveTimeout, InitiatorKernel, ResetSent}, func(c *Connection) {
		c.LastState, c.Error, c.ProbesOut, c.Flags = StateEstablished, errHostUnreach, 2, FlagResetSent
	}},
	{"zero window, ICMP says why", Verdict{CauseZeroWindowTimeout, InitiatorKernel, ResetNone}, func(c *Connection) {
		c.LastState, c.Error, c.SendWindow, c.WriteSeq, c.SndNxt, c.ProbesOut = StateEstablished, errNetUnreach, 0, 200, 100, 2
	}},
	{"a child of TCP Fast Open whose client never answers", Verdict{CauseHandshakeFailed, InitiatorKernel, ResetNone}, func(c *Connection) {
		c.LastState, c.Error = StateSynRecv, errTimedOut
	}},
	{"ICMP ends a child of TCP Fast Open", Verdict{CauseHandshakeFailed, InitiatorKernel, ResetNone}, func(c *Connection) {
		c.LastState, c.Error, c.Flags = StateSynRecv, errHostUnreach, FlagNoSocket
	}},
	{"a child of TCP Fast Open, never accepted, the listener closed", Verdict{CauseListenerClosed, InitiatorLocal, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags = StateSynRecv, FlagNoSocket|FlagResetAfter
	}},
	{"a worker of io_uring drops the last reference", Verdict{CauseUnknown, InitiatorLocal, ResetNone}, func(c *Connection) {
		c.LastState, c.Context.Kind, c.Owner.How = StateFinWait2, CtxKernelThread, OwnerConnect
		firstFin(c, SideLocal, closedFile)
	}},
	{"a worker drops the last reference, data unread", Verdict{CauseUnknown, InitiatorUnknown, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags, c.Shutdown, c.RcvNxt = StateEstablished, closedFile|FlagResetAfter, 3, 10
		c.Context.Kind, c.Owner.How = CtxKernelThread, OwnerRead
	}},
	{"a kernel thread closes its own socket", Verdict{CauseLocalClose, InitiatorLocal, ResetNone}, func(c *Connection) {
		c.LastState, c.Context.Kind, c.Owner.How = StateFinWait2, CtxKernelThread, OwnerKernel
		firstFin(c, SideLocal, closedFile)
	}},
	{"nobody answers", Verdict{CauseRetransmitTimeout, InitiatorKernel, ResetNone}, func(c *Connection) {
		c.LastState, c.Error, c.TimerRetries, c.SndNxt = StateEstablished, errTimedOut, 3, 100
	}},
	{"nobody answers, ICMP says why", Verdict{CauseRetransmitTimeout, InitiatorKernel, ResetNone}, func(c *Connection) {
		c.LastState, c.Error, c.TimerRetries, c.SndNxt = StateEstablished, errHostUnreach, 3, 100
	}},
	{"keepalive", Verdict{CauseKeepaliveTimeout, InitiatorKernel, ResetSent}, func(c *Connection) {
		c.LastState, c.Error, c.ProbesOut, c.Flags = StateEstablished, errTimedOut, 2, FlagResetSent
	}},
	{"zero window", Verdict{CauseZeroWindowTimeout, InitiatorKernel, ResetNone}, func(c *Connection) {
		c.LastState, c.Error, c.SendWindow, c.WriteSeq, c.SndNxt = StateEstablished, errTimedOut, 0, 200, 100
	}},
	{"killed", Verdict{CauseKilled, InitiatorLocal, ResetSent}, func(c *Connection) {
		c.LastState, c.Error, c.Flags = StateEstablished, errConnAborted, FlagOwned|FlagResetSent
	}},
	{"too many orphans", Verdict{CauseOutOfMemory, InitiatorLocal, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags, c.ResetReason = StateFinWait1, FlagResetAfter|FlagNoSocket|FlagSockDead, "TCP_ABORT_ON_MEMORY"
		firstFin(c, SideLocal, closedFile)
	}},
	{"too many orphans, on a kernel that gives no reasons", Verdict{CauseOutOfMemory, InitiatorLocal, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags = StateFinWait1, closedFile|FlagResetAfter
		firstFin(c, SideLocal, closedFile)
	}},
	{"late data resets an orphan on such a kernel", Verdict{CauseDataAfterClose, InitiatorLocal, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags = StateFinWait1, FlagSockDead|FlagResetAfter|FlagResetAnswers
		firstFin(c, SideLocal, closedFile)
	}},
	{"TCP_LINGER2 off", Verdict{CauseLinger2Timeout, InitiatorLocal, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags = StateFinWait2, FlagLinger2Off|FlagResetAfter
		firstFin(c, SideLocal, closedFile)
	}},
	{"never accepted, the listener closed", Verdict{CauseListenerClosed, InitiatorLocal, ResetSent}, func(c *Connection) {
		c.LastState, c.Flags = StateEstablished, FlagNoSocket|FlagResetAfter
	}},
	{"destroyed unseen", Verdict{CauseUnknown, InitiatorUnknown, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags = StateEstablished, FlagNoCloseSeen
	}},
	{"began before the agent, closing already", Verdict{CauseUnknown, InitiatorUnknown, ResetNone}, func(c *Connection) {
		c.LastState, c.Flags = StateFinWait2, FlagBeganBefore
	}},
	{"an error nobody explains", Verdict{CauseUnknown, InitiatorUnknown, ResetNone}, func(c *Connection) {
		c.LastState, c.Error = StateEstablished, 5
	}},
	{"no evidence at all", Verdict{CauseUnknown, InitiatorUnknown, ResetNone}, func(*Connection) {}},
}

func TestDecide(t *testing.T) {
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) { require.Equal(t, e.want, Decide(ended(e.change))) })
	}
}

// Every cause has a case above, and every cause says who moves first.
func TestEveryCauseIsDecided(t *testing.T) {
	decided := map[Cause]bool{}
	for _, e := range endings {
		decided[e.want.Cause] = true
	}
	for _, c := range Causes() {
		require.True(t, decided[c], "no case for %s", c)
		_, ok := firstMovers[c]
		require.Equal(t, c != CauseUnknown, ok, "first mover of %s", c)
	}
	require.Len(t, Causes(), 23)
}

func FuzzDecide(f *testing.F) {
	f.Add(uint8(1), int32(104), uint32(0xffff), uint8(1), uint32(3), uint32(0), uint32(9))
	known := map[Cause]bool{}
	for _, c := range Causes() {
		known[c] = true
	}
	f.Fuzz(func(t *testing.T, state uint8, errno int32, flags uint32, first uint8, firstFlags, window, next uint32) {
		c := &Connection{}
		c.LastState, c.Error, c.Flags, c.SendWindow, c.SndNxt = State(state), errno, Flags(flags), window, next
		firstFin(c, Side(first), Flags(firstFlags))
		v := Decide(c)
		require.True(t, known[v.Cause], v.Cause)
		require.NotEmpty(t, v.Initiator)
	})
}
