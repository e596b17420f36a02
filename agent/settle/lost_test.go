// SPDX-License-Identifier: Apache-2.0

package settle

import (
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

func after(t *testing.T, l *lostResets, at uint64) bool {
	t.Helper()
	unseen, err := l.after(at)
	require.NoError(t, err)
	return unseen
}

func TestSpansInWhichResetsWereLost(t *testing.T) {
	const w = Window
	l := lostResets{at: 1e6 * w} // read after all of these endings
	require.False(t, after(t, &l, 5*w))
	l.add(span{10 * w, 11 * w})
	l.add(span{20 * w, 21 * w})
	for at, want := range map[uint64]bool{0: false, 9*w - 1: false, 9 * w: true, 11 * w: true, 11*w + 1: false, 19 * w: true, 21 * w: true, 22 * w: false} {
		require.Equal(t, want, after(t, &l, at), "at %d", at)
	}
	l.add(span{21 * w, 22 * w})
	require.Len(t, l.spans, 2, "one goes on")
	require.True(t, after(t, &l, 22*w))
	for i := range uint64(2 * maxSpans) {
		l.add(span{(100 + 10*i) * w, (101 + 10*i) * w})
	}
	require.Len(t, l.spans, maxSpans)
	require.False(t, after(t, &l, 20*w), "forgotten")
}

// TestLostResetMarksTheEndingsAroundIt: an ending is marked if a reset may have been lost within its window.
func TestLostResetMarksTheEndingsAroundIt(t *testing.T) {
	k := kernel{now: 1000 * ms}
	s, err := New(k.config(100))
	require.NoError(t, err)
	step := func(now uint64) []schema.Connection {
		k.now = now
		require.NoError(t, s.Watch())
		return collected(t, s.Due(now))
	}
	require.Empty(t, step(1000*ms))
	s.Hold(connection(1, 1010*ms))
	require.Empty(t, step(1100*ms))
	require.Empty(t, step(1400*ms-Window))
	require.Len(t, step(1300*ms), 1)
	s.Hold(connection(2, 1310*ms))
	k.lost++ // after the reading at 1300 ms
	require.Empty(t, step(1450*ms))
	s.Hold(connection(3, 1500*ms))
	out := step(1600 * ms)
	require.Len(t, out, 1)
	require.Equal(t, schema.FlagResetUnseen, out[0].Flags, "the reset may have been lost")
	out = step(1800 * ms)
	require.Len(t, out, 1)
	require.Zero(t, out[0].Flags, "it was lost before this ending")
}

// TestTheCounterIsReadInTime: a reading from before the reset could have been lost proves nothing.
func TestTheCounterIsReadInTime(t *testing.T) {
	k := kernel{now: 1000 * ms}
	s, err := New(k.config(100))
	require.NoError(t, err)
	require.NoError(t, s.Watch())
	s.Hold(connection(1, 1001*ms))
	k.lost, k.now = 1, 1002*ms
	out := collected(t, s.Due(End))
	require.Equal(t, schema.FlagResetUnseen, out[0].Flags)
}

func TestWithoutResetsEveryEndingIsMarked(t *testing.T) {
	config := new(kernel).config(100)
	config.Watched = false
	s, err := New(config)
	require.NoError(t, err)
	s.Hold(connection(1, ms))
	s.Hold(connection(2, ms))
	require.True(t, s.Reset(reset(2, 2*ms, "R"), false))
	out := collected(t, s.Due(End))
	require.Equal(t, schema.FlagResetUnseen, out[0].Flags)
	require.Equal(t, schema.FlagResetAfter, out[1].Flags, "this one came")
}

func TestEndingsWhileTheHooksAreDetachedAreMarked(t *testing.T) {
	s := newSettle(t, 10)
	for i, at := range []uint64{999 * ms, 1000 * ms, 1001 * ms} {
		s.Hold(connection(uint64(i+1), at))
	}
	s.Stop(1000 * ms)
	require.True(t, s.Reset(reset(3, 1002*ms, "TCP_STATE"), false))
	var unseen []bool
	for _, c := range collected(t, s.Due(End)) {
		unseen = append(unseen, c.Flags.Has(schema.FlagResetUnseen))
	}
	require.Equal(t, []bool{false, true, false}, unseen, "before it, after it, and after it with its reset")
}

// TestACounterThatFails: no record is lost for it. Each leaves marked, with the error.
func TestACounterThatFails(t *testing.T) {
	k := kernel{now: 1000 * ms, broken: errors.New("no counter")}
	s, err := New(k.config(100))
	require.NoError(t, err)
	require.ErrorIs(t, s.Watch(), k.broken)
	left := 0
	s.Hold(connection(1, 1100*ms))
	s.Hold(connection(2, 1800*ms))
	for _, records := range []iter.Seq2[*schema.Connection, error]{s.Due(1400 * ms), s.Due(End)} {
		for c, err := range records {
			left++
			require.ErrorIs(t, err, k.broken)
			require.EqualValues(t, left, c.Conn)
			require.Equal(t, schema.FlagResetUnseen, c.Flags)
		}
		require.EqualValues(t, left, s.Left())
	}
	require.Equal(t, 2, left)
}
