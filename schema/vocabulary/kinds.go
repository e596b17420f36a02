// SPDX-License-Identifier: Apache-2.0

package vocabulary

// Source says who makes the records of a kind.
type Source uint8

// The sources.
const (
	Kernel      Source = iota + 1 // a hook; numbered by CPU and nesting level
	AgentScan                     // the agent's scans of connections and listeners; numbered in the agent's own stream
	Bookkeeping                   // the agent, about its records; not numbered
	KernelAside                   // a hook, beside its records; not numbered and never on the wire
)

// Kind is a kind of record. A kind that the kernel makes and that is no connection is a row of the events table.
type Kind struct {
	Number uint8
	Name   string // as people write it: --enable, events.kind
	From   Source
	Off    bool // not captured unless somebody asks for it
	Budget int  // records a second and CPU by default; 0: no budget
	Doc    string
}

// Kinds lists every kind in the order of the numbers. A new kind of event is one row here.
var Kinds = []Kind{
	{Number: 1, Name: "connection", From: Kernel, Doc: "a TCP socket reaches CLOSE: one for each connection that ends, failed connects too"},
	{Number: 2, Name: "reset_sent", From: Kernel, Budget: 2000, Doc: "this host sends a reset, with the kernel's reason if it gives one"},
	{Number: 3, Name: "reset_received", From: Kernel, Doc: "a reset arrives"},
	{Number: 4, Name: "drop", From: Kernel, Budget: 2000, Doc: "the kernel drops a TCP packet, with its reason; reasons that are noise are left out and counted"},
	{Number: 5, Name: "retransmit", From: Kernel, Budget: 2000, Doc: "a segment is sent again"},
	{Number: 6, Name: "retransmit_synack", From: Kernel, Budget: 500, Doc: "a SYN-ACK is sent again"},
	{Number: 7, Name: "error", From: Kernel, Budget: 2000, Doc: "an error is reported to the application"},
	{Number: 8, Name: "state", From: Kernel, Off: true, Doc: "a socket changes its state"},
	{Number: 9, Name: "skb_consumed", From: Kernel, Off: true, Budget: 5000, Doc: "a packet of a socket past ESTABLISHED is freed"},
	{Number: 10, Name: "lingering", From: AgentScan, Doc: "a socket stays past ESTABLISHED for a minute: once a stay, with state_us"},
	{Number: 11, Name: "listener", From: AgentScan, Doc: "a listener turned connections away in the last five seconds, or handshakes with it came to nothing: how many, with its queues and their limit"},
	{Number: 32, Name: "checkpoint", From: Bookkeeping, Doc: "how far each stream has counted, and the totals"},
	{Number: 33, Name: "loss", From: Bookkeeping, Doc: "a range of numbers that will never become rows"},
	{Number: 64, Name: "stack", From: KernelAside, Doc: "frames that found the stack map full"},
}

// Captured reports whether an agent captures records of the kind: they have numbers and become rows.
func (k *Kind) Captured() bool { return k.From == Kernel || k.From == AgentScan }

// Event reports whether records of the kind are rows of the events table.
func (k *Kind) Event() bool { return k.Captured() && k.Number != Kinds[0].Number }
