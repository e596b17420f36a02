// SPDX-License-Identifier: Apache-2.0

// Package row holds the rows that the ingester's stages hand on: normalize makes them, store writes them. A row points into
// the decoded message and is valid until the next message is decoded.
package row

import (
	"github.com/google/uuid"

	"tcpledger/schema"
)

// Micros is a moment: microseconds since 1970, UTC, as DateTime64(6) holds it.
type Micros int64

// MicrosOfDay is the length of a day.
const MicrosOfDay = Micros(24 * 60 * 60 * 1_000_000)

// Day counts the days since 1970: what a partition of the tables holds.
func (m Micros) Day() int32 { return int32(m / MicrosOfDay) }

// Source is what all rows of one message share. ClockOff: the host's clock was more than an hour off when it sent it.
type Source struct {
	Host          string
	BootID        uuid.UUID
	Session       uint64
	Run           uint64
	ClockOffsetNS int64
	ClockErrorUS  uint32
	ClockOff      bool
	ReceivedAt    Micros
}

// Record is what connections and events share. OwnerStart is absent if it is unknown.
type Record struct {
	*Source
	ID          *schema.Identity
	Socket      *schema.Socket
	Owner       *schema.Owner
	Context     *schema.Context
	At          Micros
	OwnerStart  schema.Optional // Micros
	Role        schema.Role
	ServicePort uint16
}

// Connection is a row of connections.
type Connection struct {
	Record
	Ended      *schema.Connection
	Verdict    schema.Verdict
	DurationUS schema.Optional
}

// Event is a row of events.
type Event struct {
	Record
	Event *schema.Event
}

// Checkpoint is a row of checkpoints.
type Checkpoint struct {
	*Source
	At     Micros
	Phase  string
	Stream []uint32
	Next   []uint64
	Totals map[string]uint64
}

// Loss is a row of loss.
type Loss struct {
	*Source
	At   Micros
	Loss *schema.Loss
}

// Host is a row of hosts.
type Host struct {
	*Source
	StartedAt     Micros
	KernelRelease string
	Facts         schema.HostFacts
	MachineID     uuid.NullUUID // of the facts
}

// Stack is a row of stacks that is not resolved yet: one element of each slice for each frame.
type Stack struct {
	ID            uint64
	Symbols       []string
	Offsets       []uint64
	Modules       []string
	BuildIDs      []string
	Lines         []string
	KernelRelease string
	ReceivedAt    Micros
}

// Symbol is a row of symbols.
type Symbol struct {
	BuildID string
	Module  string
	Piece   uint32
	Pieces  uint32
	Offset  uint64
	Name    string
	Hash    uint64 // of the whole table, 0 for none
	// ReceivedAt is when the message came.
	ReceivedAt Micros
}

// DeadLetter is a row of dead_letters: a message of which something could not be stored.
type DeadLetter struct {
	ReceivedAt Micros
	Topic      string
	Partition  int32
	Offset     int64
	Reason     string
	Host       string
	BootID     string
	Session    uint64
	Ranges     []schema.Range
	Key        []byte
	Message    []byte
}

// Set is rows of all tables. Reset keeps the memory.
type Set struct {
	Connections []Connection
	Events      []Event
	Checkpoints []Checkpoint
	Losses      []Loss
	Hosts       []Host
	Stacks      []Stack
	Symbols     []Symbol
	DeadLetters []DeadLetter
}

// Reset empties the set.
func (s *Set) Reset() {
	*s = Set{s.Connections[:0], s.Events[:0], s.Checkpoints[:0], s.Losses[:0], s.Hosts[:0], s.Stacks[:0], s.Symbols[:0], s.DeadLetters[:0]}
}

// Len counts the rows.
func (s *Set) Len() int {
	return len(s.Connections) + len(s.Events) + len(s.Checkpoints) + len(s.Losses) + len(s.Hosts) + len(s.Stacks) +
		len(s.Symbols) + len(s.DeadLetters)
}
