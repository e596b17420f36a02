// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"slices"
	"strings"
)

// Meaning says what became of the records of a Loss, the worst first.
type Meaning int

// The meanings.
const (
	Gone    Meaning = iota // captured and lost, or never captured for want of room
	Poorer                 // the record is there, something of it is not
	LeftOut                // left out on purpose
	NoLoss                 // a total that counts no loss
)

// totals are the kernel side's counters that checkpoints carry, beside the prefixes below.
var totals = map[string]struct {
	meaning Meaning
	text    string
}{
	"state_map_full":     {Gone, "connections not followed: the state map was full"},
	"drops_unparsed":     {Gone, "dropped packets whose headers could not be read"},
	"stacks_over_budget": {Poorer, "rows without a stack: over the budget"},
	"stack_map_full":     {Poorer, "stacks that came inline: the stack map was full"},
	"stacks_lost":        {Poorer, "rows without a stack: no room for it"},
	"stack_errors":       {Poorer, "rows without a stack: the kernel gave none"},
	"stack_busy":         {Poorer, "rows without a stack: another was being taken"},
	"drops_ignored":      {LeftOut, "drops of a reason that is ignored"},
	"drops_not_tcp":      {LeftOut, "drops that were not of TCP"},
	"errors_filtered":    {LeftOut, "errors that are not of a connection"},
	"stacks_taken":       {NoLoss, ""},
	"stacks_inline":      {NoLoss, ""},
	"began_before":       {NoLoss, ""}, // their rows say so themselves
}

// Explain says what a loss means, for a person. A total of a newer agent is taken for a loss.
func (l *Loss) Explain() (Meaning, string) {
	if l.Kind == "numbered" {
		return Gone, "captured and lost"
	}
	if t, ok := totals[l.Cause]; ok {
		return t.meaning, t.text
	}
	switch {
	case strings.HasPrefix(l.Cause, "own_"):
		return LeftOut, "tcpledger's own traffic"
	case strings.HasPrefix(l.Cause, "over_budget_"):
		return Gone, "not recorded: over the budget"
	case strings.HasPrefix(l.Cause, "recursion_misses"):
		return Gone, "not seen: it happened while the same program ran on that CPU"
	case strings.HasPrefix(l.Cause, "lost_"):
		return NoLoss, "" // the same records stand as ranges of numbers
	}
	return Gone, "never numbered"
}

// losses leaves out the totals that count no loss and puts the worst first.
func losses(rows []Loss) []Loss {
	rows = slices.DeleteFunc(rows, func(l Loss) bool {
		meaning, _ := l.Explain()
		return meaning == NoLoss
	})
	slices.SortStableFunc(rows, func(a, b Loss) int {
		x, _ := a.Explain()
		y, _ := b.Explain()
		return cmp.Compare(x, y)
	})
	return rows
}
