// SPDX-License-Identifier: Apache-2.0

package vocabulary

import (
	"slices"
	"strings"
)

// Meaning says what became of the records that a total counts, the worst first.
type Meaning uint8

// The meanings.
const (
	Lost       Meaning = iota // numbered and lost, or never recorded for want of room or of a run
	Incomplete                // the record is there, a part of it is not
	Filtered                  // left out on purpose
	MadeUp                    // another program or record made up for it
	Info                      // counts no loss of any kind
)

// String names the meaning as documents do.
func (m Meaning) String() string {
	return [...]string{"lost", "incomplete", "filtered", "made up for", "no loss"}[m]
}

// Counter says who counts a total.
type Counter uint8

// The counters.
const (
	ByHook    Counter = iota + 1 // a hook, in a slot of its own
	ByHookFor                    // a hook, in a slot for each kind: the name is a prefix
	ByKernel                     // the kernel's statistics of a program: the name is a prefix, or a prefix and a program
	ByAgent                      // the agent
)

// Total is a number in a checkpoint that only grows. Text says what it counts, for a person.
type Total struct {
	Name    string
	By      Counter
	Meaning Meaning
	Text    string
}

// RecursionMisses begins the totals of runs that the kernel skipped because a program was running on that CPU.
const RecursionMisses = "recursion_misses_"

// The totals that the agent counts itself.
const (
	RepeatedRecords = "repeated_records"
	SettleEarly     = "settle_early"
)

// The prefixes of the totals with one for each kind.
const (
	LostOf       = "lost_"
	OverBudgetOf = "over_budget_"
	OwnOf        = "own_"
)

// Totals lists every total. If two names fit, the longer one counts. The slots of the hooks follow this order.
var Totals = []Total{
	{LostOf, ByHookFor, Info, "numbered records that found the ring buffer full; they stand as ranges in loss"},
	{OverBudgetOf, ByHookFor, Lost, "not recorded: over the budget"},
	{OwnOf, ByHookFor, Filtered, "tcpledger's own traffic"},

	{"stacks_taken", ByHook, Info, "stacks taken"},
	{"stacks_over_budget", ByHook, Incomplete, "rows without a stack: over the budget"},
	{"stack_map_full", ByHook, MadeUp, "stacks that found the stack map full and came inline"},
	{"stacks_inline", ByHook, Info, "stacks that came inline"},
	{"stacks_lost", ByHook, Incomplete, "rows without a stack: the ring buffer was full"},
	{"stack_errors", ByHook, Incomplete, "rows without a stack: the kernel gave none"},
	{"stack_busy", ByHook, Incomplete, "rows without a stack: another was being taken"},
	{"state_map_full", ByHook, Lost, "connections not followed: the state map was full"},
	{"drops_ignored", ByHook, Filtered, "drops of a reason that is ignored, of any protocol"},
	{"drops_not_tcp", ByHook, Filtered, "drops that are not of TCP"},
	{"drops_unparsed", ByHook, Lost, "dropped packets whose headers could not be read"},
	{"errors_filtered", ByHook, Filtered, "error reports without an error, and ECONNRESET from an abort by this host"},
	{"listener_map_full", ByHook, Incomplete, "listeners not counted: the map of listeners was full"},
	{"began_before", ByHook, Info, "connections older than the agent; their rows say so"},
	{"handshake_map_full", ByHook, Incomplete, "half-open handshakes whose end is not counted: the map of handshakes was full"},

	{RecursionMisses, ByKernel, Lost, "not seen: the same program was running on that CPU"},
	{RecursionMisses + "on_state", ByKernel, MadeUp, "state changes that the second program followed"},
	{RecursionMisses + "on_destroy", ByKernel, MadeUp, "destroyed sockets that the second program cleared"},
	{RecursionMisses + "on_reset_sent", ByKernel, MadeUp, "resets sent by a connection: the second program recorded them; without a connection there is no record"},
	{RecursionMisses + "on_reset_in", ByKernel, MadeUp, "resets received: the second program recorded them"},
	{RecursionMisses + "on_read", ByKernel, Incomplete, "reads that named no owner; the next read or write does"},
	{RecursionMisses + "on_send", ByKernel, Incomplete, "writes that named no owner; the next read or write does"},
	{RecursionMisses + "on_seed", ByKernel, Incomplete, "open sockets without an owner from the agent's start"},

	{RepeatedRecords, ByAgent, Info, "records whose number had come before; not sent again"},
	{SettleEarly, ByAgent, Info, "endings sent before their time because too many were held"},
}

// FindTotal gives the row that a total's name belongs to; false for a name that only a newer agent knows. The longest of
// the rows wins, so that a program's own row comes before the one of all programs.
func FindTotal(name string) (Total, bool) {
	best := -1
	for i, t := range Totals {
		if fits(&t, name) && (best < 0 || len(t.Name) > len(Totals[best].Name)) {
			best = i
		}
	}
	if best < 0 {
		return Total{}, false
	}
	return Totals[best], true
}

func fits(t *Total, name string) bool {
	switch {
	case t.By == ByHookFor:
		kind, of := strings.CutPrefix(name, t.Name)
		return of && slices.ContainsFunc(Kinds, func(k Kind) bool { return k.Name == kind && k.Captured() })
	case t.Name == RecursionMisses:
		return strings.HasPrefix(name, t.Name)
	}
	return t.Name == name
}
