// SPDX-License-Identifier: Apache-2.0

package bpf

import "structs"

// Head begins every record.
type Head struct {
	_      structs.HostLayout
	Size   uint16
	Kind   Kind
	Flags  uint8
	Stream uint32 // cpu * 4 + nesting level
	Seq    uint64 // counts in the stream from 0
	At     uint64 // CLOCK_BOOTTIME, ns
	Weight uint32 // 1 + records the budget skipped before this one
	CPU    uint32
}

// Tuple names a connection from this host's side. Ports are in host order; v4
// addresses are mapped into v6. Family is the socket's (2 or 10), so that a
// v4-mapped peer of a v6 socket has 10.
type Tuple struct {
	_           structs.HostLayout
	LocalIP     [16]byte
	RemoteIP    [16]byte
	LocalPort   uint16
	RemotePort  uint16
	Family      uint16
	_           uint16
	NetNS       uint32 // inode number
	IfIndex     uint32 // bound or receiving device, 0: none
	NetNSCookie uint64
	Cookie      uint64 // 0 on kernels that do not let a program ask (5.10)
	Conn        uint64 // our number, unique in the session; 0: not known
}

// Owner is the process that last used the socket in its own task context.
type Owner struct {
	_         structs.HostLayout
	StartAt   uint64 // of the process, CLOCK_BOOTTIME ns
	CgroupID  uint64
	PID       uint32
	UID       uint32
	How       OwnerHow
	CgroupHow CgroupHow
	Image     uint16 // grows with each exec
	Exe       uint32 // number of the executable's path, 0: unknown
	Comm      [16]byte
}

// Listener is the process that holds a listening socket.
type Listener struct {
	_       structs.HostLayout
	Leader  uint64 // the kernel's address of its first thread
	StartAt uint64
	File    uint64
	PID     uint32
	FD      uint32 // Absent32: not among those searched
}

// Context is whatever ran on the CPU, which is not the owner most of the time.
type Context struct {
	_    structs.HostLayout
	PID  uint32
	Kind CtxKind
	_    [3]byte
	Comm [16]byte
}

// Connection is the raw evidence of one ending; what it means is decided
// elsewhere. Counters are the kernel's, not payload (a FIN counts as a byte).
// Stack and Context are of the first FIN if the end is normal, else of the
// end itself.
type Connection struct {
	_             structs.HostLayout
	Head          Head
	Tuple         Tuple
	Owner         Owner
	Context       Context
	Stack         uint64 // hash, 0: none taken
	OpenedAt      uint64 // CLOCK_BOOTTIME ns, 0: began before the agent
	FirstAt       uint64 // of the first FIN, 0: none seen
	BytesSent     uint64
	BytesRetrans  uint64
	BytesReceived uint64
	BytesAcked    uint64
	ConnectUS     uint32 // Absent32: never established, or not seen
	Evidence      Flags
	Error         uint32 // sk_err
	ErrorSoft     uint32
	ResetReason   uint32 // of the reset sent before the end; Absent32: none
	WriteSeq      uint32
	SndNxt        uint32
	SndUna        uint32
	RcvNxt        uint32
	CopiedSeq     uint32
	SegsIn        uint32
	SegsOut       uint32
	TotalRetrans  uint32
	SndWnd        uint32
	SRTTUS        uint32
	LastRxAgeMS   uint32 // of data, else of the handshake; Absent32: never, or longer than fits
	LastTxAgeMS   uint32
	Linger2       int32
	FirstWho      Side
	FirstEvidence uint8 // the first three Flags, at the first FIN
	Role          Role
	Flavour       Flavour
	OldState      uint8
	Shutdown      uint8
	Retransmits   uint8  // icsk_retransmits
	ProbesOut     uint8  // icsk_probes_out
	ErrorReported uint32 // the last error that the application was told of before the end, 0: none
	DsackDups     uint32 // segments that the peer says it got twice
	Opener        Owner  // the first process that used the socket
}

// Event is everything else that has a number.
type Event struct {
	_         structs.HostLayout
	Head      Head
	Tuple     Tuple
	Owner     Owner
	Context   Context
	Stack     uint64
	Reason    uint32 // raw drop or reset reason; Absent32: the kernel gives none
	Error     uint32
	Length    uint32 // TCP payload, bytes
	PacketSeq uint32
	PacketAck uint32
	Direction Direction
	State     uint8
	OldState  uint8
	NewState  uint8
	TCPFlags  uint8
	Flags     EventFlags
	Role      Role // of the connection, or server for a listener and a request socket
	_         [5]byte
}

// ConnState is what the state map keeps of a connection, as a scan finds it.
// Of Tuple only Conn is set until the connection is past ESTABLISHED.
type ConnState struct {
	_             structs.HostLayout
	Tuple         Tuple
	OpenedAt      uint64
	StateAt       uint64 // when it entered State, or at the latest if it is older than the agent
	FirstAt       uint64
	FirstStack    uint64
	Owner         Owner
	FirstContext  Context
	ConnectUS     uint32
	ResetReason   uint32
	Flags         StateFlags
	State         uint8
	Role          Role
	FirstWho      Side
	FirstEvidence uint8
	ErrorReported uint8
	_             uint8
}

// Stack carries frames that found the stack map full. It has no number.
type Stack struct {
	_      structs.HostLayout
	Head   Head
	Hash   uint64
	Depth  uint32
	_      uint32
	Frames [MaxFrames]uint64
}
