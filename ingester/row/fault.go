// SPDX-License-Identifier: Apache-2.0

package row

import (
	"fmt"
	"strings"

	"tcpledger/schema"
)

// FaultKind says why something of a message is not in the tables. The kinds are the values of a metric's label.
type FaultKind string

// The kinds of fault.
const (
	FaultMalformed   FaultKind = "malformed"
	FaultUnknownKind FaultKind = "unknown_kind"
	FaultTime        FaultKind = "time"
	FaultBootID      FaultKind = "boot_id"
	FaultCheckpoint  FaultKind = "checkpoint"
	FaultTopic       FaultKind = "topic"
)

// FaultKinds lists the kinds.
func FaultKinds() []FaultKind {
	return []FaultKind{FaultMalformed, FaultUnknownKind, FaultTime, FaultBootID, FaultCheckpoint, FaultTopic}
}

// Fault gathers what of one message could not be stored and why, with the numbers that it keeps from the tables. The zero
// value is no fault.
type Fault struct {
	Ranges  []schema.Range
	reasons []reason
}

type reason struct {
	kind  FaultKind
	first string // the detail of the first
	count int
}

// Add notes one thing that could not be stored, and the numbers that go with it.
func (f *Fault) Add(kind FaultKind, detail string, ranges ...schema.Range) {
	for _, r := range ranges {
		f.addRange(r)
	}
	for i := range f.reasons {
		if f.reasons[i].kind == kind {
			f.reasons[i].count++
			return
		}
	}
	f.reasons = append(f.reasons, reason{kind: kind, first: detail, count: 1})
}

// addRange appends r, growing the last range where r follows it.
func (f *Fault) addRange(r schema.Range) {
	if n := len(f.Ranges); n > 0 {
		last := &f.Ranges[n-1]
		if last.Stream == r.Stream && last.To+1 == r.From && r.From > 0 {
			last.To = r.To
			return
		}
	}
	f.Ranges = append(f.Ranges, r)
}

// Any reports whether there is a fault.
func (f *Fault) Any() bool { return len(f.reasons) > 0 }

// Reset forgets all; the memory of Ranges is not kept, since a dead letter holds it.
func (f *Fault) Reset() { f.Ranges, f.reasons = nil, f.reasons[:0] }

// Kinds lists each kind of fault once.
func (f *Fault) Kinds() []FaultKind {
	kinds := make([]FaultKind, len(f.reasons))
	for i, r := range f.reasons {
		kinds[i] = r.kind
	}
	return kinds
}

// String is the reason a person reads: "unknown_kind: kind 200 (and 3 more)".
func (f *Fault) String() string {
	parts := make([]string, len(f.reasons))
	for i, r := range f.reasons {
		parts[i] = fmt.Sprintf("%s: %s", r.kind, r.first)
		if r.count > 1 {
			parts[i] += fmt.Sprintf(" (and %d more)", r.count-1)
		}
	}
	return strings.Join(parts, "; ")
}
