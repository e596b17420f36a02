// SPDX-License-Identifier: Apache-2.0

package schema

// rule gives a cause if its evidence holds. The first rule that applies decides. Each was seen on running kernels.
type rule struct {
	cause   Cause
	applies func(*Connection) bool
}

// RulesVersion is the version of the rules that Decide follows: the column rules of connections. It grows with every release that
// decides any evidence differently.
const RulesVersion = 1

// shutdownBoth is sk_shutdown after close(): both directions.
const shutdownBoth = 3

// The kernel's names of reset reasons that decide (enum sk_rst_reason without its prefix).
const resetOnMemory = "TCP_ABORT_ON_MEMORY"

var rules = []rule{
	// Destroyed without `-> CLOSE`: nothing was seen of the ending.
	{CauseUnknown, func(c *Connection) bool { return c.Flags.Has(FlagNoCloseSeen) }},
	{CauseKilled, func(c *Connection) bool { return c.Error == errConnAborted }},

	// connect() that never came to be. An error without a SYN is an older connection's: the socket keeps it until somebody asks.
	{CauseRefused, connecting(func(c *Connection) bool { return c.EndError() == errConnRefused && c.SegsOut > 0 })},
	{CauseConnectTimeout, connecting(func(c *Connection) bool { return c.EndError() == errTimedOut && c.SegsOut > 0 })},
	{CauseUnreachable, connecting(func(c *Connection) bool { return unreachable(c.EndError()) && c.SegsOut > 0 })},
	// The kernel gives the socket a sequence number once its ports and addresses are found to be free.
	{CauseNoLocalPort, connecting(func(c *Connection) bool {
		return c.EndError() == 0 && c.SegsOut == 0 && (c.LocalPort == 0 || c.Flags.Has(FlagNoSequence))
	})},
	{CauseConnectAbandoned, connecting(func(c *Connection) bool {
		return c.EndError() == 0 && c.Flags.Has(FlagOwned) && c.SegsOut > 0
	})},
	{CauseUnknown, connecting(func(*Connection) bool { return true })},

	// A handshake on the server's side that never completed: TCP Fast Open has a socket before the client acknowledges.
	{CauseHandshakeFailed, func(c *Connection) bool {
		return c.LastState == StateSynRecv && (timerError(c) || c.Error == errConnRefused)
	}},

	// A reset, real or made by the kernel for data that came after close().
	{CauseDataAfterClose, func(c *Connection) bool {
		return resetError(c.Error) && c.Flags.Has(FlagResetReceived) && finWait(c.LastState) && answeredAfter(c)
	}},
	{CauseDataAfterClose, ResetDecides},
	{CausePeerReset, func(c *Connection) bool {
		return resetError(c.Error) && c.Flags.Has(FlagResetReceived) && !answeredAfter(c) && !answerUnseen(c)
	}},

	// Timers gave up. The window decides between them: which timer fired does not show.
	{CauseKeepaliveTimeout, func(c *Connection) bool { return timerError(c) && c.ProbesOut > 0 && !outstanding(c) }},
	{CauseZeroWindowTimeout, func(c *Connection) bool {
		return timerError(c) && c.SendWindow == 0 && outstanding(c) && (c.Error == errTimedOut || c.ProbesOut > 0)
	}},
	{CauseRetransmitTimeout, func(c *Connection) bool {
		return timerError(c) && c.TimerRetries > 0 && c.BytesUnacked() > 0 && c.SendWindow > 0
	}},
	{CauseUnknown, func(c *Connection) bool { return c.Error != 0 && !pendingError(c) }},

	// No error: the host itself ended it with a reset.
	{CauseOutOfMemory, func(c *Connection) bool { return c.ResetReason == resetOnMemory && sentReset(c) }},
	{CauseLinger2Timeout, func(c *Connection) bool {
		return c.LastState == StateFinWait2 && c.Flags.Has(FlagLinger2Off) && sentReset(c)
	}},
	{CauseListenerClosed, func(c *Connection) bool {
		return openState(c.LastState) && c.Flags.Has(FlagNoSocket) && c.Flags&(FlagOwned|FlagSockDead) == 0
	}},
	{CauseCloseUnreadData, closing(func(c *Connection) bool {
		return c.Shutdown == shutdownBoth && c.BytesUnread(c.Flags.Has(FlagFinReceived)) > 0
	})},
	{CauseLingerAbort, closing(func(c *Connection) bool {
		return c.Flags.Has(FlagLinger0) && (openState(c.LastState) || finWait(c.LastState) || sentReset(c))
	})},
	{CauseOutOfMemory, func(c *Connection) bool { return c.ResetReason == "" && abandonedByKernel(c) }},
	{CauseDisconnect, func(c *Connection) bool {
		return c.Flags.Has(FlagOwned) && c.Flags&(FlagFileDead|FlagNoSocket) == 0 && (openState(c.LastState) || sentReset(c))
	}},

	// A clean end: the first FIN names it.
	{CausePeerClose, finished(func(c *Connection) bool { return c.FirstFin == SidePeer })},
	{CauseUnknown, func(c *Connection) bool { return answerUnseen(c) && !c.Flags.Has(FlagFinReceived) }},
	{CauseLocalClose, finished(func(c *Connection) bool {
		return c.FirstFin == SideLocal && c.FirstFinFlags.Has(FlagOwned|FlagFileDead) && !closedByWorker(c)
	})},
	{CauseLocalShutdown, finished(func(c *Connection) bool {
		return c.FirstFin == SideLocal && c.FirstFinFlags.Has(FlagOwned) && !c.FirstFinFlags.Has(FlagFileDead)
	})},
}

// connecting limits a rule to connections that never were established.
func connecting(applies func(*Connection) bool) func(*Connection) bool {
	return func(c *Connection) bool { return c.LastState == StateSynSent && applies(c) }
}

// closing limits a rule to a task that resets a connection by closing its file. A socket in repair mode closes without a
// reset, whatever it holds: another socket continues its connection.
func closing(applies func(*Connection) bool) func(*Connection) bool {
	return func(c *Connection) bool {
		return c.Flags.Has(FlagOwned|FlagFileDead) && (openState(c.LastState) || finState(c.LastState)) &&
			(sentReset(c) || c.Flags.Has(FlagResetUnseen)) && !closedByWorker(c) && applies(c)
	}
}

// closedByWorker holds if somebody else dropped the last reference to a process's socket: a kernel thread, for io_uring's work at the end of
// a ring or a delayed release, or the agent, as it looked at the open file. Whether the process closed it or ended does not show.
func closedByWorker(c *Connection) bool {
	return c.Context.Kind == CtxKernelThread && c.Owner.How != OwnerKernel || c.Flags.Has(FlagClosedByAgent)
}

// finished limits a rule to the states in which a clean end arrives at CLOSE.
func finished(applies func(*Connection) bool) func(*Connection) bool {
	return func(c *Connection) bool { return finState(c.LastState) && applies(c) }
}

// abandonedByKernel holds if a kernel that gives no reasons resets an orphaned socket whose FIN is not acknowledged yet. Only
// too many orphans or too little memory makes it do that.
func abandonedByKernel(c *Connection) bool {
	waiting := c.LastState == StateFinWait1 || c.LastState == StateLastAck || c.LastState == StateClosing
	return waiting && sentReset(c) && c.Flags&(FlagFileDead|FlagSockDead) != 0 && c.Flags&(FlagLinger0|FlagResetAnswers) == 0
}

// ResetDecides reports whether the reset that was sent just after `-> CLOSE` is the moment that names the cause: late data was
// answered with it, and the kernel shows no error of its own. The decisive stack and context of the connection are then those
// of the reset.
func ResetDecides(c *Connection) bool {
	return c.Error == 0 && finWait(c.LastState) && answeredAfter(c) && c.Flags&(FlagLinger2Off|FlagNoCloseSeen) == 0
}

// openState holds if this host may still send: its FIN did not go. In SYN_RECV that is a child of TCP Fast Open.
func openState(s State) bool {
	return s == StateEstablished || s == StateCloseWait || s == StateSynRecv
}

func finWait(s State) bool { return s == StateFinWait1 || s == StateFinWait2 }

// finState holds if this host has sent its FIN.
func finState(s State) bool { return finWait(s) || s == StateLastAck || s == StateClosing }

func resetError(errno int32) bool { return errno == errConnReset || errno == errPipe }

// unreachable holds for the errors that ICMP and ICMPv6 give beside ECONNREFUSED: a firewall that says "prohibited" is EHOSTUNREACH over
// IPv4 and EACCES over IPv6.
func unreachable(errno int32) bool {
	switch errno {
	case errHostUnreach, errNetUnreach, errNetDown, errHostDown, errNoProtoOpt, errAccess, errNoNet:
		return true
	}
	return false
}

// timerError holds if a timer gave up: ETIMEDOUT, or the soft error of an earlier ICMP message. While a task closes the socket, such a
// soft error is no timer's.
func timerError(c *Connection) bool {
	return c.Error == errTimedOut || unreachable(c.Error) && !c.Flags.Has(FlagOwned|FlagFileDead)
}

// pendingError holds if the error is older than the ending: ICMP reported it during the life, the connection went on, and the
// application did not ask for it. A reset and a timer put errors of their own in its place.
func pendingError(c *Connection) bool {
	switch c.Error {
	case errConnReset, errPipe, errTimedOut, errConnAborted:
		return false
	}
	if c.Flags.Has(FlagResetReceived) {
		return false
	}
	return c.Flags.Has(FlagOwned|FlagFileDead) || c.TimerRetries == 0 && c.ProbesOut == 0
}

func outstanding(c *Connection) bool { return c.BytesUnsent() > 0 || c.BytesUnacked() > 0 }

func sentReset(c *Connection) bool { return c.Flags&(FlagResetSent|FlagResetAfter) != 0 }

func answeredAfter(c *Connection) bool { return c.Flags.Has(FlagResetAfter | FlagResetAnswers) }

// answerUnseen holds if late data may have been answered with a reset that the agent did not see.
func answerUnseen(c *Connection) bool { return finWait(c.LastState) && c.Flags.Has(FlagResetUnseen) }
