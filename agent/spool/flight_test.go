// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/agent/message"
	"tcpledger/schema"
)

func TestReachedAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 7))
	var r Reached
	want := map[uint64]bool{}
	for range 2000 {
		from := rng.Uint64N(3000)
		to := from + rng.Uint64N(10)
		r.add(&schema.Header{Session: 5, Ranges: []schema.Range{{Stream: 2, From: from, To: to}}}, &message.Message{})
		for seq := from; seq <= to; seq++ {
			want[seq] = true
		}
		seq := rng.Uint64N(3020)
		require.Equal(t, want[seq], r.Has(2, seq))
	}
	next := uint64(0)
	for want[next] {
		next++
	}
	require.Equal(t, next, r.Next(2))
	require.Zero(t, r.Next(3))
	for i, one := range r.Streams[2] {
		require.LessOrEqual(t, one.From, one.To)
		if i > 0 {
			require.Greater(t, one.From, r.Streams[2][i-1].To+1)
		}
	}
}

// opened opens a whole spool; killed leaves it as SIGKILL does.
func opened(t *testing.T, dir string) *Spool {
	t.Helper()
	s, err := Open(config(dir, 64<<20, &logged{}))
	require.NoError(t, err)
	return s
}

func killed(t *testing.T, s *Spool) {
	t.Helper()
	crash(t, s.records)
	crash(t, s.meta)
	require.NoError(t, s.flight.closeFiles())
	require.NoError(t, s.lock.Close())
}

// An agent is killed while a request is on its way: the next run sends it again, and knows each number that was accounted for.
func TestWhatWasOnItsWay(t *testing.T) {
	dir := quickDir(t)
	s := opened(t, dir)
	require.Nil(t, s.LastRun())
	first, second, stored := batch(t, 5, 1, 0, 9), batch(t, 5, 1, 10, 19), batch(t, 5, 1, 25, 29)
	second.Losses = []schema.Loss{{Stream: 4, SeqFrom: 7, SeqTo: 8}}
	require.NoError(t, s.Flying([]message.Message{first}))
	require.NoError(t, s.Flying([]message.Message{second}))
	require.NoError(t, s.Of(schema.TopicEvents).Put(&stored, false))
	killed(t, s)

	s = opened(t, dir)
	last := s.LastRun()
	require.Equal(t, &Reached{BootID: boot, Session: 5, Run: 5, Streams: map[uint32][]schema.Range{1: {{Stream: 1, From: 0, To: 19},
		{Stream: 1, From: 25, To: 29}}, 4: {{Stream: 4, From: 7, To: 8}}}}, last)
	require.Equal(t, uint64(20), last.Next(1))
	got := account{}
	got.add(t, read(t, s.records)...)
	require.Len(t, got, 15, "the first had arrived")
	require.False(t, got[number{5, 1, 10}] == nil)

	// The session goes on in this run, and another begins in the next.
	third := batch(t, 5, 1, 20, 24)
	require.NoError(t, s.Flying([]message.Message{third}))
	require.NoError(t, s.Close())
	s = opened(t, dir)
	require.Equal(t, uint64(30), s.LastRun().Next(1))
	require.Empty(t, read(t, s.records), "a run that ended by itself has nothing on its way")
	other := batch(t, 6, 1, 0, 0)
	require.NoError(t, s.Flying([]message.Message{other}))
	killed(t, s)
	s = opened(t, dir)
	require.Equal(t, uint64(6), s.LastRun().Session)
	require.Equal(t, uint64(1), s.LastRun().Next(1))
	require.NoError(t, s.Close())
}

// A run that is killed while it writes: the account before holds, with what was on its way then, or nothing.
func TestHalfWrittenAccount(t *testing.T) {
	dir := quickDir(t)
	s := opened(t, dir)
	one, two := batch(t, 5, 1, 0, 9), batch(t, 5, 1, 10, 19)
	require.NoError(t, s.Flying([]message.Message{one}))
	require.NoError(t, s.Flying([]message.Message{two}))
	newest := s.flight.account[s.flight.turn%2].Name()
	killed(t, s)
	content, err := os.ReadFile(newest)
	require.NoError(t, err)
	for size := range len(content) {
		require.NoError(t, os.WriteFile(newest, content[:size], 0o600))
		f, last, request, err := openFlight(dir)
		require.NoError(t, err)
		require.NoError(t, f.closeFiles())
		require.Equal(t, uint64(10), last.Next(1))
		require.Nil(t, request, "it is that of the account that is not whole")
	}
	for _, name := range []string{"account.0", "account.1"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("what is this?"), 0o600))
	}
	s = opened(t, dir)
	require.Nil(t, s.LastRun())
	require.NoError(t, s.Close())
}

func FuzzAccount(f *testing.F) {
	one := &flight{reached: Reached{BootID: boot, Session: 1, Streams: map[uint32][]schema.Range{3: {{Stream: 3, From: 1, To: 9}}}}}
	f.Add(appendAccount(nil, one))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAccount(b)
		if err != nil {
			return
		}
		again, err := parseAccount(appendAccount(nil, &flight{turn: a.turn, size: a.size, sum: a.sum, reached: a.reached}))
		require.NoError(t, err)
		require.Equal(t, a, again)
	})
}
