// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// account is what Kafka holds of one session, by number.
type account struct {
	rows        map[[2]uint64]schema.Connection // zero for an event
	lost        map[[2]uint64]string
	phases      map[string]int
	runs        map[uint64]bool
	promised    map[uint32]uint64 // by the last checkpoint
	connections []schema.Connection
}

// accounts reads the events topic. A message that came twice counts once; anything else that came twice fails the test.
func (h *host) accounts() map[uint64]*account {
	h.t.Helper()
	all, seen := map[uint64]*account{}, map[string]bool{}
	for _, value := range readTopic(h.t, h.broker, schema.TopicEvents) {
		if seen[string(value)] {
			continue
		}
		seen[string(value)] = true
		var b schema.Batch
		require.NoError(h.t, schema.NewBatchDecoder().Decode(bytes.Clone(value), &b))
		a := all[b.Session]
		if a == nil {
			a = &account{rows: map[[2]uint64]schema.Connection{}, lost: map[[2]uint64]string{}, phases: map[string]int{}, runs: map[uint64]bool{}}
			all[b.Session] = a
		}
		a.add(h.t, &b)
	}
	return all
}

func (a *account) add(t *testing.T, b *schema.Batch) {
	a.runs[b.Run] = true
	row := func(stream uint32, seq uint64, c schema.Connection) {
		at := [2]uint64{uint64(stream), seq}
		a.requireNew(t, at)
		a.rows[at] = c
	}
	for _, c := range b.Connections {
		row(c.Stream, c.Seq, c)
		a.connections = append(a.connections, c)
	}
	for i := range b.Events {
		row(b.Events[i].Stream, b.Events[i].Seq, schema.Connection{})
	}
	for _, l := range b.Losses {
		for seq := l.SeqFrom; seq <= l.SeqTo; seq++ {
			at := [2]uint64{uint64(l.Stream), seq}
			a.requireNew(t, at)
			a.lost[at] = l.Cause
		}
	}
	for _, c := range b.Checkpoints {
		a.phases[c.Phase]++
		a.promised = map[uint32]uint64{}
		for i, stream := range c.Streams {
			a.promised[stream] = c.Next[i]
		}
	}
}

func (a *account) requireNew(t *testing.T, at [2]uint64) {
	t.Helper()
	_, row := a.rows[at]
	cause, lost := a.lost[at]
	require.False(t, row || lost, "stream and number %v came before: row %v, lost %q", at, row, cause)
}

// requireComplete checks that each promised number is a row or lost.
func (a *account) requireComplete(t *testing.T) {
	t.Helper()
	require.Positive(t, a.phases[schema.CheckpointStart])
	require.Equal(t, 1, a.phases[schema.CheckpointEnd])
	promised := 0
	for stream, next := range a.promised {
		for seq := range next {
			at := [2]uint64{uint64(stream), seq}
			_, lost := a.lost[at]
			_, row := a.rows[at]
			if !lost && !row {
				t.Errorf("stream %d, number %d of %d: neither a row nor lost", stream, seq, next)
			}
		}
		promised += int(next)
	}
	require.Equal(t, promised, len(a.rows)+len(a.lost), "more than was promised")
}

// requireRight checks the verdicts of the ends that the test made and gives how many there are. A session that finds a connection
// open may have missed its first FIN, and one that is being detached a reset: such an end says nothing.
func (a *account) requireRight(t *testing.T, want truth) int {
	t.Helper()
	there, sure := map[string]bool{}, 0
	for i := range a.connections {
		c := &a.connections[i]
		ends := tuple(netip.AddrPortFrom(c.LocalIP, c.LocalPort), netip.AddrPortFrom(c.RemoteIP, c.RemotePort))
		v, ours := want[ends]
		if !ours {
			continue
		}
		there[ends] = true
		if c.Flags&(schema.FlagBeganBefore|schema.FlagResetUnseen) == 0 {
			require.Equal(t, v, schema.Decide(c), "%s: %+v", ends, *c)
			sure++
		}
	}
	require.GreaterOrEqual(t, 10*sure, 9*len(there), "endings that say something")
	return len(there)
}
