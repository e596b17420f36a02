// SPDX-License-Identifier: Apache-2.0

package bpf

// Total is a slot of the counters that only grow; numbers are those of
// record.h. The first three are rows with one slot a kind.
type Total uint32

// The counters of the kernel side.
const (
	TotalLost       Total = 0  // + kind: numbered, then the ring buffer was full
	TotalOverBudget Total = 16 // + kind: never numbered
	TotalOwn        Total = 32 // + kind: tcpledger's own traffic

	TotalStacksTaken Total = iota + 45
	TotalStacksOverBudget
	TotalStackMapFull
	TotalStacksInline
	TotalStacksLost
	TotalStackErrors
	TotalStackBusy
	TotalStateMapFull
	TotalDropsIgnored
	TotalDropsNotTCP
	TotalDropsUnparsed
	TotalErrorsFiltered
	TotalBeganBefore
	totalSlots
)

// TotalNames gives each counter in use its name for checkpoints and metrics:
// lost_KIND, over_budget_KIND, own_KIND, and those without a kind.
func TotalNames() map[Total]string {
	names := map[Total]string{
		TotalStacksTaken:      "stacks_taken",
		TotalStacksOverBudget: "stacks_over_budget",
		TotalStackMapFull:     "stack_map_full",
		TotalStacksInline:     "stacks_inline",
		TotalStacksLost:       "stacks_lost",
		TotalStackErrors:      "stack_errors",
		TotalStackBusy:        "stack_busy",
		TotalStateMapFull:     "state_map_full",
		TotalDropsIgnored:     "drops_ignored",
		TotalDropsNotTCP:      "drops_not_tcp",
		TotalDropsUnparsed:    "drops_unparsed",
		TotalErrorsFiltered:   "errors_filtered",
		TotalBeganBefore:      "began_before",
	}
	for _, kind := range KernelKinds() {
		names[TotalLost+Total(kind)] = "lost_" + kind.String()
		names[TotalOverBudget+Total(kind)] = "over_budget_" + kind.String()
		names[TotalOwn+Total(kind)] = "own_" + kind.String()
	}
	return names
}
