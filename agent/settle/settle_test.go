// SPDX-License-Identifier: Apache-2.0

package settle

import (
	"iter"
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

// kernel is the kernel's side of a Settle: its clock, and how many resets it has lost.
type kernel struct {
	now    uint64
	lost   uint64
	broken error
}

func (k *kernel) config(maxHeld int) Config {
	return Config{Max: maxHeld, Watched: true,
		Lost: func() (uint64, error) { return k.lost, k.broken },
		Now:  func() (uint64, error) { return k.now, nil }}
}

func newSettle(t testing.TB, maxHeld int) *Settle {
	t.Helper()
	s, err := New(new(kernel).config(maxHeld))
	require.NoError(t, err)
	return s
}

func collected(t testing.TB, records iter.Seq2[*schema.Connection, error]) (out []schema.Connection) {
	t.Helper()
	for c, err := range records {
		require.NoError(t, err)
		out = append(out, *c)
	}
	return out
}

func TestRecordWaitsForItsReset(t *testing.T) {
	s := newSettle(t, 10)
	s.Hold(connection(7, 1000*ms))
	require.Empty(t, collected(t, s.Due(1249*ms)))
	require.True(t, s.Reset(reset(7, 1001*ms, "TCP_STATE"), true))
	require.False(t, s.Reset(reset(7, 1002*ms, "NOT_SPECIFIED"), false), "only the first")
	out := collected(t, s.Due(1250*ms))
	require.Len(t, out, 1)
	require.Equal(t, schema.FlagResetAfter|schema.FlagResetAnswers, out[0].Flags)
	require.Equal(t, "TCP_STATE", out[0].ResetReason)
	require.Equal(t, schema.Some(14), out[0].ResetReasonRaw)
	require.False(t, s.Reset(reset(7, 1300*ms, "TCP_STATE"), true), "the record has left")
	require.Equal(t, Stats{Merged: 1}, s.Stats())
}

func TestResetsThatNeverMerge(t *testing.T) {
	s := newSettle(t, 10)
	s.Hold(connection(0, 10*ms))
	s.Hold(connection(2, 10*ms))
	require.False(t, s.Reset(reset(0, 11*ms, ""), true), "no connection known")
	require.False(t, s.Reset(reset(3, 11*ms, ""), true), "another connection")
	require.False(t, s.Reset(reset(2, 9*ms, ""), true), "sent before the end: the record has it already")
	out := collected(t, s.Due(End))
	require.Len(t, out, 2)
	for _, c := range out {
		require.Zero(t, c.Flags)
	}
}

func TestReasonBeforeTheEndStays(t *testing.T) {
	s := newSettle(t, 10)
	c := connection(5, ms)
	c.Flags, c.ResetReason = schema.FlagResetSent, "KEEPALIVE_TIMEOUT"
	s.Hold(c)
	require.True(t, s.Reset(reset(5, 2*ms, "TCP_STATE"), false))
	out := collected(t, s.Due(End))
	require.Equal(t, "KEEPALIVE_TIMEOUT", out[0].ResetReason)
	require.Equal(t, schema.FlagResetSent|schema.FlagResetAfter, out[0].Flags)
}

// TestStackOfDataAfterClose: the record gets the stack of the reset only if the reset names the cause.
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
			s := newSettle(t, 10)
			s.Hold(c)
			require.True(t, s.Reset(e, test.answers))
			out := collected(t, s.Due(End))
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
		maxHeld := 1 + rng.IntN(300)
		s := newSettle(t, maxHeld)
		var out []schema.Connection
		var merged []bool
		now, early := uint64(1e9), 0
		for range 2000 {
			now += rng.Uint64N(4 * ms)
			if rng.IntN(3) > 0 {
				s.Hold(connection(uint64(len(merged)+1), now))
				merged = append(merged, false)
			} else if n := len(merged); n > 0 {
				i := max(0, n-1-rng.IntN(2*maxHeld))
				held := i >= len(out)
				require.Equal(t, held && !merged[i], s.Reset(reset(uint64(i+1), now, "R"), false))
				merged[i] = merged[i] || held
			}
			for _, c := range collected(t, s.Due(now)) {
				if c.At+Window > now {
					early++
					require.Equal(t, !merged[len(out)], c.Flags.Has(schema.FlagResetUnseen))
				}
				out = append(out, c)
			}
			require.Less(t, int(s.Came()-s.Left()), maxHeld)
			require.Equal(t, uint64(len(out)), s.Left())
		}
		require.EqualValues(t, early, s.Stats().Early)
		out = append(out, collected(t, s.Due(End))...)
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
	s := newSettle(t, 3)
	var out []schema.Connection
	for i := range uint64(5) {
		s.Hold(connection(i+1, i))
		if i == 1 {
			require.True(t, s.Reset(reset(2, 2, "R"), false))
		}
		out = append(out, collected(t, s.Due(i))...)
	}
	require.Len(t, out, 3)
	require.Equal(t, Stats{Held: 2, Merged: 1, Early: 3}, s.Stats())
	out = append(out, collected(t, s.Due(End))...)
	for i, want := range []schema.Flags{schema.FlagResetUnseen, schema.FlagResetAfter, schema.FlagResetUnseen, 0, 0} {
		require.Equal(t, want, out[i].Flags, "record %d", i)
	}
}

// The loop over the records may end early: those that were not given stay.
func TestTheRestStaysWhenTheLoopEnds(t *testing.T) {
	s := newSettle(t, 10)
	for i := range uint64(3) {
		s.Hold(connection(i+1, i))
	}
	for c, err := range s.Due(1e12) {
		require.NoError(t, err)
		require.EqualValues(t, 1, c.Conn)
		break
	}
	require.Len(t, collected(t, s.Due(1e12)), 2)
}

func TestASettleThatHoldsNothingIsRefused(t *testing.T) {
	_, err := New(new(kernel).config(0))
	require.Error(t, err)
}

// A step of the agent's loop in which no record leaves makes no garbage.
func TestDueMakesNoGarbage(t *testing.T) {
	s, c := newSettle(t, 100_000), connection(1, 0)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		for _, err := range s.Due(c.At) {
			require.NoError(t, err)
		}
	}))
}

func BenchmarkSettle(b *testing.B) {
	s, c := newSettle(b, 100_000), connection(1, 0)
	b.ReportAllocs()
	for b.Loop() {
		c.At += ms / 20
		c.Conn++
		s.Hold(c)
		for _, err := range s.Due(c.At) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
