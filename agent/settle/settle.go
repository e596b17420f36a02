// SPDX-License-Identifier: Apache-2.0

// Package settle holds the record of a connection for a moment after its end, because the reset that belongs to an ending
// leaves only after the kernel has said `-> CLOSE`.
package settle

import "tcpledger/schema"

// Window is how long, in nanoseconds of kernel time, a record is held.
const Window = uint64(250e6)

// Settle is a queue of connection records in the order they came. It is not safe for concurrent use. It holds at most
// the number of records it was made for; its memory grows to that and stays.
type Settle struct {
	most  int
	held  []schema.Connection // a ring, its length a power of two
	first uint64              // records that left
	next  uint64              // records that came
	byID  map[uint64]uint64   // conn → which record that came
	stats Stats
}

// Stats count since the start.
type Stats struct {
	Held   uint64 // now
	Merged uint64 // records that got their reset
	Early  uint64 // records that left before their time because too many were held
}

// New makes a Settle that holds at most most records.
func New(most int) *Settle {
	return &Settle{most: max(most, 1), held: make([]schema.Connection, 64), byID: map[uint64]uint64{}}
}

// Connection takes a record; c is copied. Where too many are held the oldest leaves through emit, marked as one whose reset
// may still come.
func (s *Settle) Connection(c *schema.Connection, emit func(*schema.Connection)) {
	if int(s.next-s.first) >= s.most {
		s.stats.Early++
		if oldest := s.at(s.first); !oldest.Flags.Has(schema.FlagResetAfter) {
			oldest.Flags |= schema.FlagResetUnseen
		}
		s.release(emit)
	}
	if int(s.next-s.first) == len(s.held) {
		s.grow()
	}
	*s.at(s.next) = *c
	if c.Conn != 0 {
		s.byID[c.Conn] = s.next
	}
	s.next++
}

// Reset merges a reset_sent event into the record of its connection, if that is held, ended before it and has no reset yet.
// answers says that the reset answered a packet. The event stays a row of its own. It reports whether it merged.
func (s *Settle) Reset(e *schema.Event, answers bool) bool {
	i, ok := s.byID[e.Conn]
	if !ok || e.Conn == 0 {
		return false
	}
	c := s.at(i)
	if e.At < c.At || c.Flags.Has(schema.FlagResetAfter) {
		return false
	}
	c.Flags |= schema.FlagResetAfter
	if answers {
		c.Flags |= schema.FlagResetAnswers
	}
	if c.ResetReason == "" && !c.ResetReasonRaw.Known {
		c.ResetReason, c.ResetReasonRaw = e.Reason, e.ReasonRaw
	}
	decisive(c, e)
	s.stats.Merged++
	return true
}

// decisive gives the record the stack of the moment that named its cause. A kernel that met data after close without an
// error ends the connection as if it were clean: only the reset that answers shows where.
func decisive(c *schema.Connection, e *schema.Event) {
	if c.Error == 0 && e.StackID != 0 && schema.Decide(c).Cause == schema.CauseDataAfterClose {
		c.StackID, c.Context = e.StackID, e.Context
	}
}

// Due lets the records leave, in order, that ended Window before kernel time now. What emit gets is valid during the call.
func (s *Settle) Due(now uint64, emit func(*schema.Connection)) {
	for s.first < s.next && s.at(s.first).At+Window <= now {
		s.release(emit)
	}
}

// Flush lets all records leave.
func (s *Settle) Flush(emit func(*schema.Connection)) {
	for s.first < s.next {
		s.release(emit)
	}
}

// Came counts the records that were taken, Left those that left: all that came before a moment have left once Left reaches
// what Came was then.
func (s *Settle) Came() uint64 { return s.next }

// Left counts the records that left.
func (s *Settle) Left() uint64 { return s.first }

// Stats gives the counters.
func (s *Settle) Stats() Stats {
	s.stats.Held = s.next - s.first
	return s.stats
}

func (s *Settle) at(i uint64) *schema.Connection { return &s.held[i&uint64(len(s.held)-1)] }

func (s *Settle) release(emit func(*schema.Connection)) {
	c := s.at(s.first)
	if i, ok := s.byID[c.Conn]; ok && i == s.first {
		delete(s.byID, c.Conn)
	}
	s.first++
	emit(c)
}

func (s *Settle) grow() {
	old := s.held
	s.held = make([]schema.Connection, 2*len(old))
	for i := s.first; i < s.next; i++ {
		*s.at(i) = old[i&uint64(len(old)-1)]
	}
}
