// SPDX-License-Identifier: Apache-2.0

package settle

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

const ms = uint64(1e6)

func connection(conn, at uint64) *schema.Connection {
	return &schema.Connection{Identity: schema.Identity{At: at}, Socket: schema.Socket{Conn: conn}}
}

func reset(conn, at uint64, reason string) *schema.Event {
	return &schema.Event{Kind: schema.KindResetSent, Identity: schema.Identity{At: at}, Socket: schema.Socket{Conn: conn}, Reason: reason,
		ReasonRaw: schema.Some(14)}
}

func collect(into *[]schema.Connection) func(*schema.Connection) {
	return func(c *schema.Connection) { *into = append(*into, *c) }
}

func TestRecordWaitsForItsReset(t *testing.T) {
	var out []schema.Connection
	s := New(10)
	s.Connection(connection(7, 1000*ms), collect(&out))
	s.Due(1249*ms, collect(&out))
	require.Empty(t, out)
	require.True(t, s.Reset(reset(7, 1001*ms, "TCP_STATE"), true))
	require.False(t, s.Reset(reset(7, 1002*ms, "NOT_SPECIFIED"), false), "only the first")
	s.Due(1250*ms, collect(&out))
	require.Len(t, out, 1)
	require.Equal(t, schema.FlagResetAfter|schema.FlagResetAnswers, out[0].Flags)
	require.Equal(t, "TCP_STATE", out[0].ResetReason)
	require.Equal(t, schema.Some(14), out[0].ResetReasonRaw)
	require.False(t, s.Reset(reset(7, 1300*ms, "TCP_STATE"), true), "the record has left")
	require.Equal(t, Stats{Merged: 1}, s.Stats())
}

func TestWhatNeverMerges(t *testing.T) {
	var out []schema.Connection
	s := New(10)
	s.Connection(connection(0, 10*ms), collect(&out))
	s.Connection(connection(2, 10*ms), collect(&out))
	require.False(t, s.Reset(reset(0, 11*ms, ""), true), "no connection known")
	require.False(t, s.Reset(reset(3, 11*ms, ""), true), "another connection")
	require.False(t, s.Reset(reset(2, 9*ms, ""), true), "sent before the end: the record has it already")
	s.Flush(collect(&out))
	for _, c := range out {
		require.Zero(t, c.Flags)
	}
}

func TestReasonBeforeTheEndStays(t *testing.T) {
	var out []schema.Connection
	s := New(10)
	c := connection(5, ms)
	c.Flags, c.ResetReason = schema.FlagResetSent, "KEEPALIVE_TIMEOUT"
	s.Connection(c, collect(&out))
	require.True(t, s.Reset(reset(5, 2*ms, "TCP_STATE"), false))
	s.Flush(collect(&out))
	require.Equal(t, "KEEPALIVE_TIMEOUT", out[0].ResetReason)
	require.Equal(t, schema.FlagResetSent|schema.FlagResetAfter, out[0].Flags)
}

// TestStackOfDataAfterClose: the stack is that of the reset only where the reset is what named the cause.
func TestStackOfDataAfterClose(t *testing.T) {
	for name, test := range map[string]struct {
		state   schema.State
		errno   int32
		flags   schema.Flags
		answers bool
		stack   uint64
		want    uint64
	}{
		"without an error":      {state: schema.StateFinWait2, answers: true, stack: 8, want: 8},
		"before the FIN's ack":  {state: schema.StateFinWait1, answers: true, stack: 8, want: 8},
		"no stack was taken":    {state: schema.StateFinWait2, answers: true, want: 7},
		"nothing was answered":  {state: schema.StateFinWait2, stack: 8, want: 7},
		"an error said so":      {state: schema.StateFinWait2, errno: 104, flags: schema.FlagResetReceived, answers: true, stack: 8, want: 7},
		"linger2 below 0":       {state: schema.StateFinWait2, flags: schema.FlagLinger2Off, answers: true, stack: 8, want: 7},
		"closed in other ways":  {state: schema.StateLastAck, answers: true, stack: 8, want: 7},
		"destroyed without end": {state: schema.StateFinWait2, flags: schema.FlagNoCloseSeen, answers: true, stack: 8, want: 7},
	} {
		t.Run(name, func(t *testing.T) {
			c, e := connection(3, ms), reset(3, 2*ms, "TCP_ABORT_ON_DATA")
			c.LastState, c.Error, c.Flags, c.StackID = test.state, test.errno, test.flags, 7
			c.Context = schema.Context{PID: 1, Comm: "closer", Kind: schema.CtxTask}
			e.StackID, e.Context = test.stack, schema.Context{Comm: "swapper/0", Kind: schema.CtxSoftirq}
			var out []schema.Connection
			s := New(10)
			s.Connection(c, collect(&out))
			require.True(t, s.Reset(e, test.answers))
			s.Flush(collect(&out))
			require.Equal(t, test.want, out[0].StackID)
			require.Equal(t, test.want == 8, out[0].Context == e.Context, "the context goes with the stack")
		})
	}
}

// TestAgainstModel: every record leaves once, in the order it came, not before its time unless too many are held, with its
// reset if that came in time.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		most := 1 + rng.IntN(300)
		s := New(most)
		var out []schema.Connection
		var merged []bool
		now := uint64(1e9)
		for range 2000 {
			now += rng.Uint64N(4 * ms)
			if rng.IntN(3) > 0 {
				s.Connection(connection(uint64(len(merged)+1), now), collect(&out))
				merged = append(merged, false)
			} else if n := len(merged); n > 0 {
				i := max(0, n-1-rng.IntN(2*most))
				held := i >= len(out)
				require.Equal(t, held && !merged[i], s.Reset(reset(uint64(i+1), now, "R"), false))
				merged[i] = merged[i] || held
			}
			before := len(out)
			s.Due(now, collect(&out))
			for _, c := range out[before:] {
				require.LessOrEqual(t, c.At+Window, now)
			}
			require.LessOrEqual(t, int(s.Came()-s.Left()), most)
			require.Equal(t, uint64(len(out)), s.Left())
		}
		s.Flush(collect(&out))
		require.Len(t, out, len(merged))
		for i, c := range out {
			require.Equal(t, uint64(i+1), c.Conn)
			require.Equal(t, merged[i], c.Flags.Has(schema.FlagResetAfter), "record %d", i)
		}
		require.Empty(t, s.byID)
	}
}

// TestEarlyIsCounted, and marked unless the reset was there already.
func TestEarlyIsCounted(t *testing.T) {
	var out []schema.Connection
	s := New(2)
	for i := range uint64(5) {
		s.Connection(connection(i+1, i), collect(&out))
		if i == 1 {
			require.True(t, s.Reset(reset(2, 2, "R"), false))
		}
	}
	require.Len(t, out, 3)
	require.Equal(t, Stats{Held: 2, Merged: 1, Early: 3}, s.Stats())
	s.Flush(collect(&out))
	for i, want := range []schema.Flags{schema.FlagResetUnseen, schema.FlagResetAfter, schema.FlagResetUnseen, 0, 0} {
		require.Equal(t, want, out[i].Flags, "record %d", i)
	}
}

func BenchmarkSettle(b *testing.B) {
	s, c := New(100_000), connection(1, 0)
	drop := func(*schema.Connection) {}
	for b.Loop() {
		c.At += ms / 20
		c.Conn++
		s.Connection(c, drop)
		s.Due(c.At, drop)
	}
}
