// SPDX-License-Identifier: Apache-2.0

package vocabulary

// Enum is a set of names with a number each. Go has it as a type with constants, C as an enum.
type Enum struct {
	Type   string // Go's type; the C enum is its name in small letters
	Prefix string // of the Go constants
	C      string // prefix of the C constants
	Doc    string // of the type, without its name
	First  uint8  // number of the first value
	Values []Value
}

// Value is one name of an enum or of a set of flags.
type Value struct {
	Name string // as it stands in the tables
	Doc  string // "" if the name says it all
}

// Text is the name of a number. A number that a newer agent made is "unknown".
func (e *Enum) Text(number uint8) string {
	if i := int(number) - int(e.First); i >= 0 && i < len(e.Values) {
		return e.Values[i].Name
	}
	return "unknown"
}

// The enums that the kernel side writes and the tables hold. Values are appended only.
var (
	Roles = Enum{Type: "Role", Prefix: "Role", C: "ROLE_", Doc: "says which side of the connection this host was",
		Values: []Value{{"unknown", "older than the agent, or restored by TCP_REPAIR"}, {"client", ""}, {"server", ""}}}
	Flavours = Enum{Type: "Flavour", Prefix: "Flavour", C: "FLAVOUR_", Doc: "says what kind of TCP socket it was", First: 1,
		Values: []Value{{"tcp", ""}, {"mptcp_subflow", ""}}}
	Sides = Enum{Type: "Side", Prefix: "Side", C: "SIDE_", Doc: "is one end of a connection",
		Values: []Value{{"none", ""}, {"local", ""}, {"peer", ""}}}
	Directions = Enum{Type: "Direction", Prefix: "Direction", C: "DIRECTION_", Doc: "is a packet's, seen from this host",
		Values: []Value{{"unknown", "for a drop: the source is local"}, {"in", ""}, {"out", ""}}}
	OwnerHows = Enum{Type: "OwnerHow", Prefix: "Owner", C: "OWNER_", Doc: "says how the owner is known",
		Values: []Value{{"unknown", ""}, {"connect", ""}, {"read", ""}, {"write", ""}, {"close", ""},
			{"seed", "it held the socket at the agent's start"}, {"kernel", "a kernel thread that connected"},
			{"listener", "a hint: the listener's comm only"},
			{"listen", "it called listen()"}}}
	CgroupHows = Enum{Type: "CgroupHow", Prefix: "Cgroup", C: "CGROUP_", Doc: "says which hierarchy a cgroup id is of",
		Values: []Value{{"unknown", ""}, {"v2", ""}, {"memory", "v1 and hybrid hosts: the task's memory controller"}}}
	CtxKinds = Enum{Type: "CtxKind", Prefix: "Ctx", C: "CTX_", Doc: "says what ran on the CPU",
		Values: []Value{{"unknown", "nothing readable tells a task from an interrupt on top of it"}, {"task", ""}, {"softirq", ""},
			{"idle", ""}, {"kernel_thread", ""}, {"hardirq", ""}}}
)

// Enums lists the enums in the order in which they are written.
var Enums = []*Enum{&Roles, &Flavours, &Sides, &Directions, &OwnerHows, &CgroupHows, &CtxKinds}
