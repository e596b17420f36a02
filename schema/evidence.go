// SPDX-License-Identifier: Apache-2.0

package schema

// Flags are facts about a socket at one moment.
type Flags uint32

// The facts. Their bits are part of the wire format.
const (
	FlagOwned         Flags = 1 << iota // a task held the socket (sk_lock.owned)
	FlagFileDead                        // the socket's file was being released
	FlagExiting                         // that task was exiting (PF_EXITING)
	FlagLinger0                         // SO_LINGER with time 0
	FlagSockDead                        // SOCK_DEAD: orphaned
	FlagNoSocket                        // no struct socket: never accepted, or orphaned
	FlagFinReceived                     // SOCK_DONE: the peer's FIN was received
	FlagLinger2Off                      // TCP_LINGER2 below 0
	FlagResetReceived                   // tcp_receive_reset ran before `-> CLOSE`
	FlagResetSent                       // a reset was sent before `-> CLOSE`
	FlagResetAfter                      // a reset was sent just after `-> CLOSE` (settled)
	FlagResetAnswers                    // that reset answered a packet
	FlagBeganBefore                     // the connection began before the agent
	FlagNoCloseSeen                     // the socket was destroyed without `-> CLOSE`
	FlagResetUnseen                     // a reset sent just after `-> CLOSE` may have gone unseen
)

// Has reports whether all of these facts hold.
func (f Flags) Has(all Flags) bool { return f&all == all }

// Side is one end of a connection.
type Side uint8

// The sides.
const (
	SideNone  Side = 0
	SideLocal Side = 1
	SidePeer  Side = 2
)

// Evidence is all that Decide looks at, as the kernel showed it at `-> CLOSE` and, for the first FIN, when it was sent or
// received. ResetReason is the kernel's name (enum sk_rst_reason without its prefix), "" where the kernel gives none.
type Evidence struct {
	LastState      State
	Error          int32
	ErrorSoft      int32
	Shutdown       uint8 // sk_shutdown: 1 receive, 2 send
	Flags          Flags
	FirstFin       Side
	FirstFinFlags  Flags
	ResetReason    string
	ResetReasonRaw Optional
	TimerRetries   uint32 // icsk_retransmits
	ProbesOut      uint32 // icsk_probes_out
	SendWindow     uint32 // snd_wnd
}
