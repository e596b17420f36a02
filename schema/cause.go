// SPDX-License-Identifier: Apache-2.0

package schema

// Cause names why a connection ended.
type Cause string

// The causes. Names are kept for ever: months of rows hold them.
const (
	CauseLocalClose        Cause = "local_close"
	CauseProcessExit       Cause = "process_exit"
	CauseLocalShutdown     Cause = "local_shutdown"
	CauseCloseUnreadData   Cause = "close_unread_data"
	CauseLingerAbort       Cause = "linger_abort"
	CauseDisconnect        Cause = "disconnect"
	CauseDataAfterClose    Cause = "data_after_close"
	CausePeerClose         Cause = "peer_close"
	CausePeerReset         Cause = "peer_reset"
	CauseRefused           Cause = "refused"
	CauseConnectTimeout    Cause = "connect_timeout"
	CauseUnreachable       Cause = "unreachable"
	CauseHandshakeFailed   Cause = "handshake_failed"
	CauseConnectAbandoned  Cause = "connect_abandoned"
	CauseNoLocalPort       Cause = "no_local_port"
	CauseRetransmitTimeout Cause = "retransmit_timeout"
	CauseKeepaliveTimeout  Cause = "keepalive_timeout"
	CauseZeroWindowTimeout Cause = "zero_window_timeout"
	CauseKilled            Cause = "killed"
	CauseOutOfMemory       Cause = "out_of_memory"
	CauseLinger2Timeout    Cause = "linger2_timeout"
	CauseListenerClosed    Cause = "listener_closed"
	CauseUnknown           Cause = "unknown"
)

// Initiator names who moved first.
type Initiator string

// The initiators.
const (
	InitiatorLocal   Initiator = "local"
	InitiatorPeer    Initiator = "peer"
	InitiatorKernel  Initiator = "kernel"
	InitiatorUnknown Initiator = "unknown"
)

// Reset says which way the reset of an ending went.
type Reset string

// The resets.
const (
	ResetNone     Reset = "none"
	ResetSent     Reset = "sent"
	ResetReceived Reset = "received"
)

// Verdict is what Decide makes of a connection's evidence.
type Verdict struct {
	Cause     Cause
	Initiator Initiator
	Reset     Reset
}

// Decide names the cause of an ending from its evidence alone; no evidence is CauseUnknown. An abnormal end (an error, or
// a reset either way with `-> CLOSE`) names the cause, otherwise the first FIN does.
func Decide(c *Connection) Verdict {
	cause := decideCause(c)
	return Verdict{Cause: cause, Initiator: decideInitiator(c, cause), Reset: decideReset(c, cause)}
}

func decideCause(c *Connection) Cause {
	for _, r := range rules {
		if r.applies(c) {
			return exitingInstead(c, r.cause)
		}
	}
	return CauseUnknown
}

// exitingInstead makes an ending that an exiting process caused process_exit: the application did not choose it.
func exitingInstead(c *Connection, cause Cause) Cause {
	switch cause {
	case CauseLocalClose:
		if c.FirstFinFlags.Has(FlagExiting) {
			return CauseProcessExit
		}
	case CauseCloseUnreadData, CauseLingerAbort:
		if c.Flags.Has(FlagExiting) {
			return CauseProcessExit
		}
	}
	return cause
}

// Family groups causes that a person reads together.
type Family string

// The families.
const (
	FamilyClean   Family = "clean"   // somebody closed, and nobody was reset
	FamilyReset   Family = "reset"   // somebody reset the connection
	FamilyConnect Family = "connect" // the connection never came to be
	FamilyTimeout Family = "timeout" // the kernel gave up waiting
	FamilyOther   Family = "other"
)

// causes has every cause once, in the order in which they are shown: family by family. first is who moves first in such an ending
// if no FIN said so before; "" is not known.
var causes = []struct {
	cause  Cause
	family Family
	first  Initiator
}{
	{CausePeerClose, FamilyClean, InitiatorPeer},
	{CauseLocalClose, FamilyClean, InitiatorLocal},
	{CauseLocalShutdown, FamilyClean, InitiatorLocal},
	{CauseProcessExit, FamilyClean, InitiatorLocal},
	{CausePeerReset, FamilyReset, InitiatorPeer},
	{CauseCloseUnreadData, FamilyReset, InitiatorLocal},
	{CauseLingerAbort, FamilyReset, InitiatorLocal},
	{CauseDisconnect, FamilyReset, InitiatorLocal},
	{CauseDataAfterClose, FamilyReset, InitiatorLocal},
	{CauseRefused, FamilyConnect, InitiatorPeer},
	{CauseUnreachable, FamilyConnect, InitiatorKernel},
	{CauseConnectTimeout, FamilyConnect, InitiatorKernel},
	{CauseHandshakeFailed, FamilyConnect, InitiatorKernel},
	{CauseConnectAbandoned, FamilyConnect, InitiatorLocal},
	{CauseNoLocalPort, FamilyConnect, InitiatorKernel},
	{CauseRetransmitTimeout, FamilyTimeout, InitiatorKernel},
	{CauseKeepaliveTimeout, FamilyTimeout, InitiatorKernel},
	{CauseZeroWindowTimeout, FamilyTimeout, InitiatorKernel},
	{CauseKilled, FamilyOther, InitiatorLocal},
	{CauseOutOfMemory, FamilyOther, InitiatorKernel},
	{CauseLinger2Timeout, FamilyOther, InitiatorLocal},
	{CauseListenerClosed, FamilyOther, InitiatorLocal},
	{CauseUnknown, FamilyOther, ""},
}

// firstMovers is causes by cause, for the hot path.
var firstMovers = func() map[Cause]Initiator {
	out := make(map[Cause]Initiator, len(causes))
	for _, c := range causes {
		if c.first != "" {
			out[c.cause] = c.first
		}
	}
	return out
}()

func decideInitiator(c *Connection, cause Cause) Initiator {
	switch c.FirstFin {
	case SideLocal:
		return InitiatorLocal
	case SidePeer:
		return InitiatorPeer
	}
	if who, ok := firstMovers[cause]; ok && !finMayBeUnseen(c) {
		return who
	}
	return InitiatorUnknown
}

// finMayBeUnseen reports whether a FIN may have gone before the agent looked: the connection began before the agent and
// was past ESTABLISHED when it ended.
func finMayBeUnseen(c *Connection) bool {
	return c.Flags.Has(FlagBeganBefore) && c.LastState != StateEstablished && c.LastState != StateSynSent
}

func decideReset(c *Connection, cause Cause) Reset {
	switch {
	case cause == CauseDataAfterClose, answeredAfter(c):
		return ResetSent // tcp_receive_reset ran too, but no RST arrived: the kernel reset itself
	case c.Flags.Has(FlagResetReceived):
		return ResetReceived
	case c.Flags&(FlagResetSent|FlagResetAfter) != 0:
		return ResetSent
	}
	return ResetNone
}

// Causes lists all causes in the order in which they are shown.
func Causes() []Cause {
	out := make([]Cause, len(causes))
	for i, c := range causes {
		out[i] = c.cause
	}
	return out
}

// Family gives the family of a cause; that of a newer version is FamilyOther.
func (c Cause) Family() Family {
	for _, known := range causes {
		if known.cause == c {
			return known.family
		}
	}
	return FamilyOther
}
