// SPDX-License-Identifier: Apache-2.0

package schema

// Role says which side of the connection this host was.
type Role uint8

// The roles.
const (
	RoleUnknown Role = 0
	RoleClient  Role = 1
	RoleServer  Role = 2
)

// String gives the name in the tables.
func (r Role) String() string { return named(uint8(r), "unknown", "client", "server") }

// Flavour says what kind of TCP socket it was.
type Flavour uint8

// The flavours.
const (
	FlavourTCP          Flavour = 1
	FlavourMPTCPSubflow Flavour = 2
)

// String gives the name in the tables.
func (f Flavour) String() string { return named(uint8(f), "unknown", "tcp", "mptcp_subflow") }

// OwnerHow says how the owner is known.
type OwnerHow uint8

// The ways an owner is known.
const (
	OwnerUnknown  OwnerHow = 0
	OwnerConnect  OwnerHow = 1
	OwnerRead     OwnerHow = 2
	OwnerWrite    OwnerHow = 3
	OwnerClose    OwnerHow = 4
	OwnerSeed     OwnerHow = 5
	OwnerKernel   OwnerHow = 6
	OwnerListener OwnerHow = 7 // a hint: the listener's comm only
)

// String gives the name in the tables.
func (h OwnerHow) String() string {
	return named(uint8(h), "unknown", "connect", "read", "write", "close", "seed", "kernel", "listener")
}

// CgroupHow says whose cgroup it is.
type CgroupHow uint8

// The ways a cgroup is known.
const (
	CgroupUnknown          CgroupHow = 0
	CgroupV2               CgroupHow = 1
	CgroupMemoryController CgroupHow = 2 // v1 and hybrid hosts: the task's memory controller
)

// String gives the name in the tables.
func (h CgroupHow) String() string { return named(uint8(h), "unknown", "v2", "memory") }

// CtxKind says what ran on the CPU.
type CtxKind uint8

// The kinds of context.
const (
	CtxUnknown      CtxKind = 0
	CtxTask         CtxKind = 1
	CtxSoftirq      CtxKind = 2
	CtxIdle         CtxKind = 3
	CtxKernelThread CtxKind = 4
	CtxHardirq      CtxKind = 5
)

// String gives the name in the tables.
func (k CtxKind) String() string {
	return named(uint8(k), "unknown", "task", "softirq", "idle", "kernel_thread", "hardirq")
}

// Direction is a packet's, seen from this host.
type Direction uint8

// The directions.
const (
	DirectionUnknown Direction = 0
	DirectionIn      Direction = 1
	DirectionOut     Direction = 2
)

// String gives the name in the tables.
func (d Direction) String() string { return named(uint8(d), "unknown", "in", "out") }

// named gives names[i]; a number from a newer agent is "unknown".
func named(i uint8, names ...string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return names[0]
}
