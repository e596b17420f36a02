// SPDX-License-Identifier: Apache-2.0

package message

import (
	"cmp"
	"maps"
	"slices"

	"tcpledger/schema"
)

// Numbers is a set of numbers of a session's streams, kept as ranges.
type Numbers struct {
	streams map[uint32][]schema.Range // sorted, disjoint and not touching
}

// NewNumbers makes a set of these ranges, in any order.
func NewNumbers(ranges ...schema.Range) *Numbers {
	n := &Numbers{streams: map[uint32][]schema.Range{}}
	for _, r := range ranges {
		n.Add(r)
	}
	return n
}

// Add adds a range, bounds included.
func (n *Numbers) Add(r schema.Range) {
	s := n.streams[r.Stream]
	from, _ := slices.BinarySearchFunc(s, r.From, func(a schema.Range, seq uint64) int { return cmp.Compare(a.To, max(seq, 1)-1) })
	to := from
	for to < len(s) && (s[to].From <= r.To || s[to].From == r.To+1) {
		r.From, r.To = min(r.From, s[to].From), max(r.To, s[to].To)
		to++
	}
	n.streams[r.Stream] = slices.Replace(s, from, to, r)
}

// Remove takes a range out.
func (n *Numbers) Remove(r schema.Range) {
	var kept []schema.Range
	for _, have := range n.streams[r.Stream] {
		if have.To < r.From || have.From > r.To {
			kept = append(kept, have)
			continue
		}
		if have.From < r.From {
			kept = append(kept, schema.Range{Stream: r.Stream, From: have.From, To: r.From - 1})
		}
		if have.To > r.To {
			kept = append(kept, schema.Range{Stream: r.Stream, From: r.To + 1, To: have.To})
		}
	}
	n.streams[r.Stream] = kept
}

// Has reports whether a number is in the set.
func (n *Numbers) Has(stream uint32, seq uint64) bool {
	return n.Covers(schema.Range{Stream: stream, From: seq, To: seq})
}

// Covers reports whether all of a range is in the set.
func (n *Numbers) Covers(r schema.Range) bool {
	s := n.streams[r.Stream]
	i, _ := slices.BinarySearchFunc(s, r.From, func(a schema.Range, seq uint64) int { return cmp.Compare(a.To, seq) })
	return i < len(s) && s[i].From <= r.From && s[i].To >= r.To
}

// Ranges gives the set's ranges by stream and number.
func (n *Numbers) Ranges() []schema.Range {
	var all []schema.Range
	for _, stream := range slices.Sorted(maps.Keys(n.streams)) {
		all = append(all, n.streams[stream]...)
	}
	return all
}
