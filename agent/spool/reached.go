// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"maps"
	"slices"

	"tcpledger/agent/message"
	"tcpledger/schema"
)

// Reached says which numbers of a session are accounted for: their rows are on disk or were sent to Kafka, or a loss that names them
// was. Of the numbers that the kernel side gave, those that are neither in it nor still in the ring buffer ended with the agent.
type Reached struct {
	BootID  string
	Session uint64
	Run     uint64
	// Streams are the ranges of each stream, in order, disjoint and not adjacent.
	Streams map[uint32][]schema.Range
}

// Next is the first number of a stream that is not accounted for.
func (r *Reached) Next(stream uint32) uint64 {
	ranges := r.Streams[stream]
	if len(ranges) == 0 || ranges[0].From > 0 {
		return 0
	}
	return ranges[0].To + 1
}

// Has reports whether a number is accounted for.
func (r *Reached) Has(stream uint32, seq uint64) bool {
	ranges := r.Streams[stream]
	i, found := slices.BinarySearchFunc(ranges, seq, byNumber)
	return found || i < len(ranges) && ranges[i].From <= seq && seq <= ranges[i].To
}

// byNumber finds the range that a number is in.
func byNumber(r schema.Range, seq uint64) int {
	switch {
	case r.To < seq:
		return -1
	case r.From > seq:
		return 1
	}
	return 0
}

// add notes a message of a header. Another session begins anew.
func (r *Reached) add(h *schema.Header, m *message.Message) {
	if r.Session != h.Session || r.BootID != h.BootID {
		*r = Reached{BootID: h.BootID, Session: h.Session}
	}
	r.Run = h.Run
	if r.Streams == nil {
		r.Streams = map[uint32][]schema.Range{}
	}
	for _, one := range h.Ranges {
		r.addRange(one)
	}
	for _, l := range m.Losses {
		r.addRange(schema.Range{Stream: l.Stream, From: l.SeqFrom, To: l.SeqTo})
	}
}

// addRange puts a range in, joined with those that it overlaps or touches.
func (r *Reached) addRange(one schema.Range) {
	ranges := r.Streams[one.Stream]
	i, _ := slices.BinarySearchFunc(ranges, max(one.From, 1)-1, byNumber)
	to := i
	for to < len(ranges) && ranges[to].From <= one.To+1 {
		one.From, one.To = min(one.From, ranges[to].From), max(one.To, ranges[to].To)
		to++
	}
	r.Streams[one.Stream] = slices.Replace(ranges, i, to, one)
}

// clone is a copy that does not change.
func (r *Reached) clone() *Reached {
	c := *r
	c.Streams = maps.Clone(r.Streams)
	for stream, ranges := range c.Streams {
		c.Streams[stream] = slices.Clone(ranges)
	}
	return &c
}
