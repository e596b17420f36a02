// SPDX-License-Identifier: Apache-2.0

package gaps

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

func TestInOrderNothingIsLost(t *testing.T) {
	l := New()
	for seq := range uint64(100) {
		require.True(t, l.Observe(3, seq, seq))
	}
	require.Empty(t, l.Due(10*gapTimeout))
	require.True(t, l.Complete(map[uint32]uint64{3: 100}))
	require.False(t, l.Complete(map[uint32]uint64{3: 101}))
}

func TestGapIsLostAftergapTimeout(t *testing.T) {
	l := New()
	require.True(t, l.Observe(0, 5, 100))
	require.Empty(t, l.Due(100+gapTimeout-1))
	require.True(t, l.Observe(0, 2, 101), "a swapped record fills its gap")
	require.False(t, l.Complete(map[uint32]uint64{0: 6}))
	require.Equal(t, []schema.Loss{
		{At: 100, Stream: 0, SeqFrom: 0, SeqTo: 1, Cause: schema.LossRingFull},
		{At: 100, Stream: 0, SeqFrom: 3, SeqTo: 4, Cause: schema.LossRingFull},
	}, l.Due(100+gapTimeout))
	require.True(t, l.Complete(map[uint32]uint64{0: 6}))
	require.False(t, l.Observe(0, 3, 200), "declared lost: never emitted")
	require.False(t, l.Observe(0, 5, 200), "seen before: never emitted")
	require.Equal(t, uint64(2), l.Late())
	require.Zero(t, l.Open())
}

func TestCheckpointNoticesTheTail(t *testing.T) {
	l := New()
	require.True(t, l.Observe(8, 0, 1))
	next := map[uint32]uint64{8: 3, 12: 1, 16: 0}
	l.Advance(next, 50)
	require.True(t, l.Observe(8, 1, 60), "still in the ring when the numbers were read")
	require.True(t, l.Observe(12, 0, 60))
	require.False(t, l.Complete(next))
	require.Equal(t, []schema.Loss{{At: 50, Stream: 8, SeqFrom: 2, SeqTo: 2, Cause: schema.LossRingFull}}, l.Due(50+gapTimeout))
	require.True(t, l.Complete(next))
}

// A run that goes on with a session waits for the numbers that the ring buffer still has, and tells the rest.
func TestResume(t *testing.T) {
	l := Resume([]schema.Range{{Stream: 0, From: 0, To: 9}, {Stream: 0, From: 12, To: 19}, {Stream: 4, From: 0, To: 2}}, 100, schema.LossAgentKilled)
	require.Equal(t, uint64(20), l.Next(0))
	next := map[uint32]uint64{0: 40, 4: 6, 8: 2}
	l.Advance(next, 110)
	require.False(t, l.Observe(0, 5, 120), "it had reached")
	require.True(t, l.Observe(0, 30, 120), "the first that the ring still has")
	for _, seq := range []uint64{31, 32, 39} {
		require.True(t, l.Observe(0, seq, 120))
	}
	require.True(t, l.Observe(8, 0, 120))
	require.False(t, l.Complete(next))
	require.ElementsMatch(t, []schema.Loss{
		{At: 100, Stream: 0, SeqFrom: 10, SeqTo: 11, Cause: schema.LossAgentKilled},
		{At: 110, Stream: 0, SeqFrom: 20, SeqTo: 29, Cause: schema.LossAgentKilled},
		{At: 110, Stream: 0, SeqFrom: 33, SeqTo: 38, Cause: schema.LossRingFull},
		{At: 110, Stream: 4, SeqFrom: 3, SeqTo: 5, Cause: schema.LossAgentKilled},
		{At: 110, Stream: 8, SeqFrom: 1, SeqTo: 1, Cause: schema.LossRingFull},
	}, l.Due(120+gapTimeout))
	require.True(t, l.Complete(next))
}

func TestGapsAreBounded(t *testing.T) {
	l := New()
	for seq := uint64(1); seq < 4*maxGaps; seq += 2 {
		require.True(t, l.Observe(0, seq, 7))
		l.Due(8)
		require.LessOrEqual(t, l.Open(), maxGaps)
	}
}

// TestAgainstModel delivers the numbers of several streams with losses, swaps and repeats at random, takes checkpoints at
// random, and compares with what was sent: each number is accepted once or lies in exactly one loss.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(200) {
		m := &model{rng: rand.New(rand.NewPCG(seed, 1)), tracker: New(), account: map[uint32][]int{}, next: map[uint32]uint64{}}
		m.run(t, 3000)
	}
}

type model struct {
	rng     *rand.Rand
	tracker *Tracker
	now     uint64
	next    map[uint32]uint64
	flight  []sent
	account map[uint32][]int // how often each number was accepted or declared lost
}

type sent struct {
	stream uint32
	seq    uint64
}

func (m *model) run(t *testing.T, steps int) {
	for range steps {
		m.now += m.rng.Uint64N(gapTimeout / 50)
		switch p := m.rng.IntN(100); {
		case p < 45:
			m.number()
		case p < 90:
			m.deliver()
		case p < 92:
			m.tracker.Advance(m.next, m.now)
		default:
			m.lost(t, m.tracker.Due(m.now))
		}
	}
	for len(m.flight) > 0 {
		m.deliver()
	}
	m.lost(t, m.tracker.Close(m.next, m.now))
	require.True(t, m.tracker.Complete(m.next))
	require.Zero(t, m.tracker.Open())
	for stream, counts := range m.account {
		for seq, n := range counts {
			require.Equal(t, 1, n, "stream %d number %d", stream, seq)
		}
	}
}

// number takes the next number of a stream; now and then its record is lost.
func (m *model) number() {
	stream := uint32(m.rng.IntN(4))
	m.account[stream] = append(m.account[stream], 0)
	if m.rng.IntN(10) > 0 {
		m.flight = append(m.flight, sent{stream, m.next[stream]})
	}
	m.next[stream]++
}

// deliver hands over one of the oldest records in flight, some of them twice.
func (m *model) deliver() {
	if len(m.flight) == 0 {
		return
	}
	i := m.rng.IntN(min(3, len(m.flight)))
	r := m.flight[i]
	if m.rng.IntN(20) > 0 {
		m.flight = append(m.flight[:i], m.flight[i+1:]...)
	}
	if m.tracker.Observe(r.stream, r.seq, m.now) {
		m.account[r.stream][r.seq]++
	}
}

func (m *model) lost(t *testing.T, losses []schema.Loss) {
	for _, l := range losses {
		require.LessOrEqual(t, l.SeqFrom, l.SeqTo)
		for seq := l.SeqFrom; seq <= l.SeqTo; seq++ {
			m.account[l.Stream][seq]++
		}
	}
}

func BenchmarkSaw(b *testing.B) {
	l := New()
	seq := uint64(0)
	for b.Loop() {
		l.Observe(uint32(seq&7), seq>>3, seq)
		seq++
	}
}
