// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"strings"

	"tcpledger/schema"
)

// Kind says why a part of a message is not in the tables. The kinds are the values of a metric's label.
type Kind string

// The kinds of reject.
const (
	Malformed   Kind = "malformed"    // no decoder of this version can read it
	UnknownKind Kind = "unknown_kind" // a row of a kind that this version does not know
	Key         Kind = "key"          // the message's key is not its host, or not its build
	Ranges      Kind = "ranges"       // the numbers of the rows are not those of the header
	Time        Kind = "time"         // a moment that cannot be, by the broker's time
	BootID      Kind = "boot_id"      // no UUID
	Checkpoint  Kind = "checkpoint"   // lists that do not belong together
	Number      Kind = "number"       // more than the stream can have counted since boot
	StackID     Kind = "stack_id"     // not the hash of the stack's frames
	Symbols     Kind = "symbols"      // names that no kernel has
	Topic       Kind = "topic"        // a topic that is not read
	Unreadable  Kind = "unreadable"   // a batch that the broker holds and nobody can read
)

// Kinds lists the kinds.
func Kinds() []Kind {
	return []Kind{Malformed, UnknownKind, Key, Ranges, Time, BootID, Checkpoint, Number, StackID, Symbols, Topic, Unreadable}
}

// Reject is the account of one message of which something could not be stored: the reasons, and the ranges of numbers that
// are not in the tables for them. The zero value rejects nothing.
type Reject struct {
	Ranges  []schema.Range
	reasons []reason
}

// reason counts the parts of a message that have one kind of reject. detail is that of the first.
type reason struct {
	kind   Kind
	detail string
	count  int
}

// Add notes one part that could not be stored, and the ranges of its numbers.
func (r *Reject) Add(kind Kind, detail string, ranges ...schema.Range) {
	for _, lost := range ranges {
		r.addRange(lost)
	}
	for i := range r.reasons {
		if r.reasons[i].kind == kind {
			r.reasons[i].count++
			return
		}
	}
	r.reasons = append(r.reasons, reason{kind: kind, detail: detail, count: 1})
}

// addRange appends a range, or extends the last one if the new range follows it.
func (r *Reject) addRange(lost schema.Range) {
	if n := len(r.Ranges); n > 0 {
		last := &r.Ranges[n-1]
		if last.Stream == lost.Stream && last.To+1 == lost.From && lost.From > 0 {
			last.To = lost.To
			return
		}
	}
	r.Ranges = append(r.Ranges, lost)
}

// Any reports whether something was rejected.
func (r *Reject) Any() bool { return len(r.reasons) > 0 }

// Reset empties the account. It does not reuse the memory of Ranges: a dead letter holds it.
func (r *Reject) Reset() { r.Ranges, r.reasons = nil, r.reasons[:0] }

// Kinds lists each kind of reject once.
func (r *Reject) Kinds() []Kind {
	kinds := make([]Kind, len(r.reasons))
	for i, reason := range r.reasons {
		kinds[i] = reason.kind
	}
	return kinds
}

// String is the reason for a person: "unknown_kind: kind 200 (and 3 more)".
func (r *Reject) String() string {
	parts := make([]string, len(r.reasons))
	for i, reason := range r.reasons {
		parts[i] = fmt.Sprintf("%s: %s", reason.kind, reason.detail)
		if reason.count > 1 {
			parts[i] += fmt.Sprintf(" (and %d more)", reason.count-1)
		}
	}
	return strings.Join(parts, "; ")
}
