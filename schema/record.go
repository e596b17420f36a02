// SPDX-License-Identifier: Apache-2.0

package schema

import "net/netip"

// Optional is a number that may be absent: absent is absent, never a made-up zero.
type Optional struct {
	Value uint64
	Known bool
}

// Some is a number that is known.
func Some(v uint64) Optional { return Optional{Value: v, Known: true} }

// AgentStream numbers what the agent makes itself, without a hook (KindLingering, KindListener): a stream that no CPU has.
const AgentStream uint32 = 1 << 31

// Identity places a numbered record in its batch's session. Stream is cpu*4+level, or AgentStream; Seq counts in it from 0, At is
// CLOCK_BOOTTIME in nanoseconds. Weight is 1 plus the records of this kind that a budget skipped before this one.
type Identity struct {
	Stream uint32
	Seq    uint64
	At     uint64
	Weight uint32
}

// Socket says which connection a record belongs to. Conn is ours and unique in the session (0: none known), Cookie the
// kernel's. NetNS is the namespace's inode number as `lsns -t net` prints it. Addresses are IPv4 or IPv6, unmapped.
type Socket struct {
	Conn        uint64
	Cookie      uint64
	NetNS       uint32
	NetNSCookie uint64
	LocalIP     netip.Addr
	LocalPort   uint16
	RemoteIP    netip.Addr
	RemotePort  uint16
}

// Owner is the process that last used the socket in its own task context. Start is CLOCK_BOOTTIME in nanoseconds.
type Owner struct {
	PID       uint32
	UID       uint32
	Start     uint64
	How       OwnerHow
	Comm      string
	Exe       string
	CgroupID  uint64
	CgroupHow CgroupHow
	Container string // container id from the cgroup's path
	Service   string // systemd unit from the cgroup's path
	PodUID    string // of the Kubernetes pod, from the cgroup's path
	// The pod's names, empty if the host's folder of pods did not have them yet.
	PodNamespace string
	PodName      string
}

// Opener is the process that used the socket first: for a client the one that connected. How is OwnerUnknown if there is none.
type Opener struct {
	PID  uint32
	How  OwnerHow
	Comm string
	Exe  string
}

// Context is whatever ran on the CPU when the kernel made the record; often not the owner.
type Context struct {
	PID  uint32
	Comm string
	Kind CtxKind
}

// Connection is the record of one TCP connection that ended. Its verdict is not in it: Decide makes it from Evidence.
// Times are CLOCK_BOOTTIME nanoseconds; OpenedAt is absent if the connection began before the agent.
type Connection struct {
	Identity
	Socket
	Owner
	Context
	Evidence
	Counters
	Role        Role
	Flavour     Flavour
	OpenedAt    Optional
	ConnectUS   Optional
	StackID     uint64
	UserStackID uint64
	// ErrorReported is the last error that the application got before the end, 0 for none.
	ErrorReported int32
	Opener        Opener
	// DsackDups counts the segments that the peer says it got twice (DSACK); absent in a record of an older agent.
	DsackDups Optional
	NAT       Translation
}

// Translation is a connection's tuple as the other side sees it. Without addresses nothing is translated, or nobody knows.
type Translation struct {
	LocalIP    netip.Addr
	LocalPort  uint16
	RemoteIP   netip.Addr
	RemotePort uint16
}

// Known reports whether something is translated.
func (t *Translation) Known() bool { return t.LocalIP.IsValid() && t.RemoteIP.IsValid() }

// Event is a record of something that happened to a connection or to a packet: a reset, a drop, an error, …
// Reason is the kernel's name beside its raw number, of a retransmit what WhyRetransmitted says of it. Length is the payload in bytes, TCPFlags the header's flag byte.
// StateUS is how long a lingering socket had been in its state, at least so long if it is older than the agent.
type Event struct {
	Kind Kind
	Identity
	Socket
	Owner
	Context
	Direction Direction
	State     State
	OldState  State
	NewState  State
	Reason    string
	ReasonRaw Optional
	Error     int32
	TCPFlags  uint8
	Length    uint32
	StackID   uint64
	StateUS   Optional
	Role      Role
	// Of a listener: what it turned away since its last event, and its queues.
	TurnedAway uint64
	Aborted    uint64 // resets for tcp_abort_on_overflow
	SynCookies uint8  // 1: it sent SYN cookies
	Queued     uint32 // connections that wait for accept()
	Backlog    uint32 // as many may wait, and one more
	HalfOpen   uint32
	// The packet's sequence and acknowledgement number. Of a reset that answers a packet, that packet's.
	PacketSeq Optional
	PacketAck Optional // of a drop only
	// HalfOpenExpired and HalfOpenReset count handshakes that ended without a connection: the client did not answer, or sent a reset.
	HalfOpenExpired uint64
	HalfOpenReset   uint64
	CookiesSent     Optional // SYN cookies, absent if the kernel's count is not this listener's alone
}

// Loss is a range of numbers that will never become rows, bounds included.
type Loss struct {
	At      uint64
	Stream  uint32
	SeqFrom uint64
	SeqTo   uint64
	Cause   string
}

// Lost counts the records in the range.
func (l Loss) Lost() uint64 { return l.SeqTo - l.SeqFrom + 1 }

// The causes of a Loss.
const (
	LossRingFull      = "ring_full"      // the kernel's ring buffer had no room
	LossQueueOverflow = "queue_overflow" // the agent's queue to Kafka had no room
	LossTooLarge      = "too_large"      // the broker refuses a message of this size
	LossSpoolOverflow = "spool_overflow" // the agent's spool on disk had no room
	LossSpoolDamaged  = "spool_damaged"  // the agent's spool on disk has it with another checksum, or cut off
	LossAgentKilled   = "agent_killed"   // an agent had read it and died before it was safe
	LossUnreadable    = "unreadable"     // the ingester cannot read the message
)

// Checkpoint is the state of a session at one moment: the next number of each stream and the totals, which only grow,
// of all that was never numbered. Phase is one of the Checkpoint… constants.
type Checkpoint struct {
	At      uint64
	Phase   string
	Streams []uint32
	Next    []uint64
	Names   []string
	Totals  []uint64
}

// The phases of a Checkpoint.
const (
	CheckpointStart    = "start"
	CheckpointPeriodic = "periodic"
	CheckpointTakeover = "takeover" // a run of the agent went on with the session of an earlier one
	CheckpointEnd      = "end"
)
