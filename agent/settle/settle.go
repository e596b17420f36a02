// SPDX-License-Identifier: Apache-2.0

// Package settle knows which reset belongs to an ending. The reset that decides leaves the host only after `-> CLOSE`, so
// settle holds each connection's record for a moment: a reset that comes in time is merged into the record; a record whose
// reset may have been lost is marked FlagResetUnseen.
package settle

import (
	"errors"
	"iter"

	"tcpledger/schema"
)

// Window is how long, in nanoseconds of kernel time, a record is held.
const Window = uint64(250e6)

// End is a kernel time at which every record is due.
const End = ^uint64(0)

// Config has all that a Settle needs.
type Config struct {
	// Max bounds the records held at a time; at least 1.
	Max int
	// Watched says that every reset sent is an event, or counted by Lost.
	Watched bool
	// Lost counts the reset_sent events so far that found no room in the ring buffer.
	Lost func() (uint64, error)
	// LostBefore is what Lost gave at kernel time LostAt, when an earlier run last asked; 0 and 0 if the session begins.
	LostBefore, LostAt uint64
	// Now is the kernel's clock.
	Now func() (uint64, error)
}

// Settle is a queue of connection records in the order they came. It is for one goroutine. Its memory grows to Max records
// and stays.
type Settle struct {
	max     int
	watched bool
	stopped uint64 // from this kernel time on resets may go unseen
	lost    lostResets
	held    []schema.Connection // a ring, its length a power of two
	first   uint64              // records that left
	next    uint64              // records that came
	byID    map[uint64]uint64   // conn → which record that came
	stats   Stats
}

// Stats count since the start.
type Stats struct {
	Held   uint64 // now
	Merged uint64 // records that got their reset
	Early  uint64 // records that left before their time because too many were held
}

// New makes an empty Settle.
func New(c Config) (*Settle, error) {
	if c.Max < 1 {
		return nil, errors.New("settle must hold at least 1 record")
	}
	return &Settle{max: c.Max, watched: c.Watched, stopped: End, lost: lostResets{count: c.Lost, now: c.Now, lost: c.LostBefore, at: c.LostAt}, held: make([]schema.Connection, 64),
		byID: map[uint64]uint64{}}, nil
}

// Hold takes a record; c is copied. Call Due after it: Due lets the oldest leave when Max are held.
func (s *Settle) Hold(c *schema.Connection) {
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
	if e.StackID != 0 && schema.ResetDecides(c) {
		c.StackID, c.Context = e.StackID, e.Context
	}
	s.stats.Merged++
	return true
}

// Watch reads how many resets were lost. Call it about every 100 ms: an ending is marked if resets were lost between the two
// readings around it, so readings far apart mark more endings than need be.
func (s *Settle) Watch() error { return s.lost.read() }

// Stop says that the hooks are being detached from kernel time at on: a reset of a later ending may go unseen.
func (s *Settle) Stop(at uint64) { s.stopped = at }

// Due gives, in order, the records that ended Window before kernel time now, and those that leave early because Max are held.
// Each is valid until the next one. A record with an error is whole: its reset counts as unseen, because the counter of lost
// resets could not be read.
func (s *Settle) Due(now uint64) iter.Seq2[*schema.Connection, error] {
	return func(yield func(*schema.Connection, error) bool) { s.due(now, yield) }
}

func (s *Settle) due(now uint64, yield func(*schema.Connection, error) bool) {
	for s.first < s.next {
		c := s.at(s.first)
		early := now < c.At+Window
		if early && int(s.next-s.first) < s.max {
			return
		}
		if !yield(c, s.release(c, early)) {
			return
		}
	}
}

// release lets the oldest record, c, leave.
func (s *Settle) release(c *schema.Connection, early bool) error {
	if i, ok := s.byID[c.Conn]; ok && i == s.first {
		delete(s.byID, c.Conn)
	}
	s.first++
	if early {
		s.stats.Early++
	}
	if c.Flags.Has(schema.FlagResetAfter) {
		return nil
	}
	lost, err := s.lost.after(c.At)
	if early || lost || err != nil || !s.watched || c.At >= s.stopped {
		c.Flags |= schema.FlagResetUnseen
	}
	return err
}

// Held gives the records that wait, in order. Each is valid until the next call of another method.
func (s *Settle) Held() iter.Seq[*schema.Connection] { return s.HeldFrom(s.first) }

// HeldFrom gives those of them before which at least number records came.
func (s *Settle) HeldFrom(number uint64) iter.Seq[*schema.Connection] {
	return func(yield func(*schema.Connection) bool) {
		for i := max(number, s.first); i < s.next; i++ {
			if !yield(s.at(i)) {
				return
			}
		}
	}
}

// Lost gives how many resets were lost when Settle last asked, and when that was.
func (s *Settle) Lost() (lost, at uint64) { return s.lost.lost, s.lost.at }

// Came counts the records that came, Left those that left. All records that came before a moment have left once Left reaches
// the Came of that moment.
func (s *Settle) Came() uint64 { return s.next }

// Left counts the records that left.
func (s *Settle) Left() uint64 { return s.first }

// Stats gives the counters.
func (s *Settle) Stats() Stats {
	s.stats.Held = s.next - s.first
	return s.stats
}

func (s *Settle) at(i uint64) *schema.Connection { return &s.held[i&uint64(len(s.held)-1)] }

func (s *Settle) grow() {
	old := s.held
	s.held = make([]schema.Connection, 2*len(old))
	for i := s.first; i < s.next; i++ {
		*s.at(i) = old[i&uint64(len(old)-1)]
	}
}
