// SPDX-License-Identifier: Apache-2.0

package schema

import "tcpledger/schema/vocabulary"

// Total is a number in a checkpoint that only grows: its name, what it means for the records it counts, and its text for a
// person. A name with a total for each kind or program is a prefix.
type Total = vocabulary.Total

// Meaning says what became of the records that a total counts.
type Meaning = vocabulary.Meaning

// The meanings, the worst first.
const (
	Lost       = vocabulary.Lost       // numbered and lost, or never recorded for want of room or of a run
	Incomplete = vocabulary.Incomplete // the record is there, a part of it is not
	Filtered   = vocabulary.Filtered   // left out on purpose
	MadeUp     = vocabulary.MadeUp     // another program or record made up for it
	Info       = vocabulary.Info       // counts no loss of any kind
)

// The totals that the agent counts itself, and the beginning of those that the kernel counts for each program.
const (
	TotalRepeatedRecords = vocabulary.RepeatedRecords
	TotalSettleEarly     = vocabulary.SettleEarly
	TotalRecursionMisses = vocabulary.RecursionMisses
)

// Totals lists all totals.
func Totals() []Total { return vocabulary.Totals }

// FindTotal gives the total that a name in a checkpoint belongs to; false for a name that only a newer agent knows.
func FindTotal(name string) (Total, bool) { return vocabulary.FindTotal(name) }

// TotalOwn names the total of tcpledger's own records of a kind.
func TotalOwn(k Kind) string { return vocabulary.OwnOf + k.String() }
