// SPDX-License-Identifier: Apache-2.0

package vocabulary

// FlagSet is a set of facts, one bit each, in the order of the bits. Bits are appended only.
type FlagSet struct {
	Type   string // Go's type
	Base   string // the integer that holds it
	Prefix string // of the Go constants
	C      string // prefix of the C constants
	Doc    string // of the type, without its name
	Wire   bool   // part of the wire format; else between hooks and agent only
	Values []Value
}

// The sets of flags. The first three facts are also kept of the first FIN, in 8 bits.
var (
	Evidence = FlagSet{Type: "Flags", Base: "uint32", Prefix: "Flag", C: "FLAG_", Doc: "are facts about a socket at one moment", Wire: true,
		Values: []Value{
			{"owned", "a task held the socket's lock (sk_lock.owned)"},
			{"file_dead", "the socket's file was being released"},
			{"exiting", "that task was exiting (PF_EXITING)"},
			{"linger0", "SO_LINGER with time 0"},
			{"sock_dead", "SOCK_DEAD: orphaned"},
			{"no_socket", "no struct socket: never accepted, or orphaned"},
			{"fin_received", "SOCK_DONE: the peer's FIN was received"},
			{"linger2_off", "TCP_LINGER2 below 0"},
			{"reset_received", "tcp_receive_reset ran before -> CLOSE"},
			{"reset_sent", "a reset was sent before -> CLOSE"},
			{"reset_after", "a reset was sent just after -> CLOSE (found by settle)"},
			{"reset_answers", "the reset after -> CLOSE answered a packet"},
			{"began_before", "the connection began before the agent"},
			{"no_close_seen", "the socket was destroyed without -> CLOSE"},
			{"reset_unseen", "a reset sent just after -> CLOSE may have gone unseen"},
			{"seeded", "the agent's start found the socket open"},
			{"restored", "TCP_REPAIR made it: another socket began the connection"},
			{"no_sequence", "the kernel had given it no sequence number yet (write_seq 0)"},
			{"closed_by_agent", "tcpledger looked at the open file as its holder closed it or ended, and was the last to release it"},
			{"sockmap", "the socket was seen in a sockmap: BPF programs may have passed data that TCP did not count"},
		}}
	EventFlags = FlagSet{Type: "EventFlags", Base: "uint8", Prefix: "Event", C: "EVENT_", Doc: "say what the tuple and the state of an event come from",
		Values: []Value{
			{"with_packet", "a packet caused it, or is it"},
			{"minisock", "a TIME_WAIT or request socket"},
			{"control_socket", "the kernel's own raw socket"},
			{"no_socket", "nobody listened"},
			{"closed", "the record of its connection came before"},
		}}
	StateFlags = FlagSet{Type: "StateFlags", Base: "uint16", Prefix: "State", C: "STATE_", Doc: "are what the state map remembers of a connection",
		Values: []Value{
			{"reset_received", "before the record"},
			{"reset_sent", "before the record"},
			{"own", "tcpledger's connection"},
			{"began_before", "older than the agent"},
			{"seeded", "found by the iterator at the agent's start"},
			{"closed", "the record is out"},
			{"reset_later", "a reset was sent after the record"},
			{"reset_answer", "a reset was sent before the record, to refuse a packet"},
			{"restored", "made by TCP_REPAIR"},
			{"errors_queued", "the socket's error queue was not empty when the connection began"},
			{"closed_by_agent", "tcpledger was the last to release the file of a socket that is not its own"},
			{"passed", "another process than the first used it: the map openers has the first"},
			{"sockmap", "seen in a sockmap"},
		}}
)

// FlagSets lists the sets in the order in which they are written.
var FlagSets = []*FlagSet{&Evidence, &EventFlags, &StateFlags}
