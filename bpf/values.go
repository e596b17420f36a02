// SPDX-License-Identifier: Apache-2.0

package bpf

// Evidence holds what a socket showed at -> CLOSE, one bit a fact.
type Evidence uint32

// The bits of Evidence; the first three are also kept of the first FIN.
const (
	Owned         Evidence = 1 << iota // a task held the socket's lock
	FileDead                           // its file was being released
	Exiting                            // that task was exiting
	Linger0                            // SO_LINGER with time 0
	SockDead                           // orphaned
	NoSocket                           // never had or no longer has a file
	SockDone                           // a FIN was received
	Linger2Neg                         // TCP_LINGER2 below 0
	ResetReceived                      // before the end
	ResetSent                          // before the end
	BeganBefore                        // older than the agent
	NoCloseSeen                        // destroyed without -> CLOSE
	KeepOpen                           // SO_KEEPALIVE
	Seeded                             // found at the agent's start
)

// Has tells whether all bits of want are set.
func (e Evidence) Has(want Evidence) bool { return e&want == want }

// EventFlags say what an event's tuple and state come from, one bit a fact.
type EventFlags uint8

// The bits of EventFlags.
const (
	WithPacket    EventFlags = 1 << iota // a packet caused it, or is it
	Minisock                             // TIME_WAIT or request socket
	ControlSocket                        // the kernel's own raw socket
	WithoutSocket                        // nobody listened
	Closed                               // its connection's record came before
)

// StateFlags are what the state map remembers of a connection, one bit a fact.
type StateFlags uint16

// The bits of StateFlags that a scan needs; the others are the hooks' own.
const (
	StateOwn StateFlags = 1 << 2 // tcpledger's
	StateMet StateFlags = 1 << 7 // in its state since before it was met
)

// Who moved first.
type Who uint8

// The sides of a connection.
const (
	Nobody Who = iota
	Local
	Peer
)

// Role is the side that opened the connection.
type Role uint8

// The roles; unknown for connections older than the agent.
const (
	RoleUnknown Role = iota
	Client
	Server
)

// Flavour is what the socket carried.
type Flavour uint8

// The flavours.
const (
	FlavourTCP          Flavour = 1
	FlavourMPTCPSubflow Flavour = 2
)

// Direction of the packet an event is about.
type Direction uint8

// The directions. For a drop of unknown direction the packet's source is local.
const (
	DirectionUnknown Direction = iota
	In
	Out
)

// How the owner was learnt.
type How uint8

// The ways to learn an owner.
const (
	HowUnknown How = iota
	HowConnect
	HowRead
	HowWrite
	HowClose
	HowSeed
	HowKernel
	HowListener
)

// CgroupHow says which hierarchy a cgroup id is of.
type CgroupHow uint8

// The hierarchies: v2, or the memory controller's where v2 says nothing.
const (
	CgroupUnknown CgroupHow = iota
	CgroupV2
	CgroupMemory
)

// ContextKind is what the CPU was doing.
type ContextKind uint8

// The kinds of context; unknown where nothing readable tells a task from an
// interrupt on top of it.
const (
	ContextUnknown ContextKind = iota
	ContextTask
	ContextSoftirq
	ContextIdle
	ContextKernelThread
	ContextHardirq
)
