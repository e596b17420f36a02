// SPDX-License-Identifier: Apache-2.0

package gaps

import (
	"slices"

	"tcpledger/schema"
)

// gapTimeout is how long, in nanoseconds of kernel time, a missing number may still arrive. A record is numbered before it gets
// its place in the ring buffer: two records of a stream swap if the kernel preempts the first one between the two steps.
const gapTimeout = uint64(1e9)

// maxGaps bounds the open gaps of a stream. Beyond it the oldest are declared lost at once.
const maxGaps = 4096

// Tracker keeps the open gaps of every stream of one session. It is not safe for concurrent use. Memory is bounded by
// maxGaps a stream.
type Tracker struct {
	streams map[uint32]*stream
	late    uint64
	open    int    // gaps of all streams
	soonest uint64 // no gap is due before
	before  string // the cause of what is missing from before a run went on with the session
}

// stream is one stream: every number below next has arrived, was declared lost, or lies in a gap.
type stream struct {
	next  uint64
	gaps  []gap  // disjoint, in the order of their numbers
	first uint64 // the lowest number that arrived and was not late
}

// none is the lowest number of a stream of which none has arrived.
const none = ^uint64(0)

type gap struct{ from, to, noticed uint64 }

// New makes the tracker of a session whose streams begin at 0.
func New() *Tracker { return &Tracker{streams: map[uint32]*stream{}} }

// Resume makes the tracker of a session that goes on. reached are the numbers that need not arrive any more. All others below the
// highest of their stream are gaps since kernel time at: what the ring buffer still has fills them. What the ring buffer gives
// first was next to be read, so what is missing below it is lost with the cause before; above it the ring buffer was full.
func Resume(reached []schema.Range, at uint64, before string) *Tracker {
	t := New()
	t.before = before
	for _, r := range reached {
		s := t.stream(r.Stream)
		if r.From > s.next {
			t.notice(s, r.From, at)
		}
		s.next = r.To + 1
	}
	return t
}

// Next gives the number after the highest one that a stream had.
func (t *Tracker) Next(id uint32) uint64 { return t.stream(id).next }

// Observe records that a number arrived at kernel time at. It reports false if the number arrived before or was declared lost:
// its record must not be sent.
func (t *Tracker) Observe(id uint32, seq, at uint64) bool {
	s := t.stream(id)
	switch {
	case seq == s.next:
		s.next++
	case seq > s.next:
		t.notice(s, seq, at)
		s.next = seq + 1
	case !t.fill(s, seq):
		t.late++
		return false
	}
	s.first = min(s.first, seq)
	return true
}

// Advance moves the streams on to their next numbers, as read at kernel time at: a number below those that has not arrived is a
// gap from now on. A gap may still be filled from the ring buffer.
func (t *Tracker) Advance(next map[uint32]uint64, at uint64) {
	for id, n := range next {
		if s := t.stream(id); n > s.next {
			t.notice(s, n, at)
			s.next = n
		}
	}
}

// Due declares the gaps lost that have been open for gapTimeout at kernel time now, and gives them.
func (t *Tracker) Due(now uint64) []schema.Loss {
	if t.open == 0 || now < t.soonest {
		return nil
	}
	var lost []schema.Loss
	t.soonest = ^uint64(0)
	for id, s := range t.streams {
		excess := len(s.gaps) - maxGaps
		kept := s.gaps[:0]
		for i, g := range s.gaps {
			if g.noticed+gapTimeout <= now || i < excess {
				lost = append(lost, t.loss(id, s, g))
				continue
			}
			kept = append(kept, g)
			t.soonest = min(t.soonest, g.noticed+gapTimeout)
		}
		s.gaps = kept
	}
	t.open -= len(lost)
	return lost
}

// Close declares every open gap lost at once and gives them: nothing is numbered any more and the ring buffer is empty. next
// are the streams' final numbers.
func (t *Tracker) Close(next map[uint32]uint64, at uint64) []schema.Loss {
	t.Advance(next, at)
	t.soonest = 0
	return t.Due(^uint64(0))
}

// Complete reports whether every number below these has arrived or was declared lost.
func (t *Tracker) Complete(next map[uint32]uint64) bool {
	for id, n := range next {
		s := t.stream(id)
		if s.next < n || (len(s.gaps) > 0 && s.gaps[0].from < n) {
			return false
		}
	}
	return true
}

// Late counts the numbers that arrived a second time, or after they were declared lost.
func (t *Tracker) Late() uint64 { return t.late }

// Open counts the gaps that may still be filled.
func (t *Tracker) Open() int { return t.open }

func (t *Tracker) stream(id uint32) *stream {
	s, ok := t.streams[id]
	if !ok {
		s = &stream{first: none}
		t.streams[id] = s
	}
	return s
}

// notice opens the gap [s.next, to).
func (t *Tracker) notice(s *stream, to, at uint64) {
	s.gaps = append(s.gaps, gap{s.next, to - 1, at})
	due := at + gapTimeout
	if len(s.gaps) > maxGaps {
		due = 0
	}
	if t.open == 0 || due < t.soonest {
		t.soonest = due
	}
	t.open++
}

// fill takes seq out of its gap; false if it is in none.
func (t *Tracker) fill(s *stream, seq uint64) bool {
	i, _ := slices.BinarySearchFunc(s.gaps, seq, func(g gap, seq uint64) int {
		if g.to < seq {
			return -1
		}
		return 1 // the first gap that ends at seq or after it
	})
	if i == len(s.gaps) || s.gaps[i].from > seq {
		return false
	}
	g := &s.gaps[i]
	switch {
	case g.from == g.to:
		s.gaps = slices.Delete(s.gaps, i, i+1)
		t.open--
	case g.from == seq:
		g.from++
	case g.to == seq:
		g.to--
	default:
		after := gap{seq + 1, g.to, g.noticed}
		g.to = seq - 1
		s.gaps = slices.Insert(s.gaps, i+1, after)
		t.open++
	}
	return true
}

func (t *Tracker) loss(id uint32, s *stream, g gap) schema.Loss {
	l := schema.Loss{At: g.noticed, Stream: id, SeqFrom: g.from, SeqTo: g.to, Cause: schema.LossRingFull}
	if t.before != "" && g.to < s.first {
		l.Cause = t.before
	}
	return l
}
