// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// numbers is a set of sequence numbers of one stream, which count from 0: a bit each.
type numbers []uint64

// add adds a number, and says whether it was not there.
func (n *numbers) add(seq uint64) bool {
	word, bit := int(seq/64), uint64(1)<<(seq%64)
	for len(*n) <= word {
		*n = append(*n, 0)
	}
	fresh := (*n)[word]&bit == 0
	(*n)[word] |= bit
	return fresh
}

func (n numbers) count() uint64 {
	sum := 0
	for _, word := range n {
		sum += bits.OnesCount64(word)
	}
	return uint64(sum)
}

// within says whether all numbers are below end.
func (n numbers) within(end uint64) bool {
	for i, word := range n {
		if word != 0 && uint64(i*64+bits.Len64(word)) > end {
			return false
		}
	}
	return true
}

// TestNumbers: a set that counts wrongly would prove nothing.
func TestNumbers(t *testing.T) {
	var n numbers
	require.True(t, n.within(0))
	for _, seq := range []uint64{0, 63, 64, 200} {
		require.True(t, n.add(seq))
		require.False(t, n.add(seq))
	}
	require.EqualValues(t, 4, n.count())
	require.True(t, n.within(201))
	require.False(t, n.within(200))
}

// tally counts the records of one kind, of all namespaces. last has the time of each CPU's latest.
type tally struct {
	records, weight uint64
	last            map[int]uint64
}

// note keeps a record's number and counts it.
func (l *published) note(t testing.TB, kind schema.Kind, id *schema.Identity) {
	t.Helper()
	l.hold(t, id.Stream, id.Seq)
	counted := l.everybody[kind]
	if counted == nil {
		counted = &tally{last: map[int]uint64{}}
		l.everybody[kind] = counted
	}
	counted.records++
	counted.weight += uint64(id.Weight)
	counted.last[int(id.Stream/4)] = id.At
	l.newest = max(l.newest, id.At)
}

// hold keeps the number of a row or of a loss range, and fails if it came before.
func (l *published) hold(t testing.TB, stream uint32, seq uint64) {
	t.Helper()
	n := l.held[stream]
	if !n.add(seq) {
		require.Fail(t, "a number came twice", "number %d of stream %d", seq, stream)
	}
	l.held[stream] = n
}

// account proves the promise of an agent that has ended: each number that the end checkpoint promises is in one row or in one
// loss range, and the ranges hold as many numbers as the kernel found no room for. It returns how many records of all were
// lost.
func (w *watch) account() int {
	w.t.Helper()
	lost := uint64(0)
	for _, loss := range w.losses {
		require.Equal(w.t, schema.LossRingFull, loss.Cause)
		for seq := loss.SeqFrom; seq <= loss.SeqTo; seq++ {
			w.hold(w.t, loss.Stream, seq)
		}
		lost += loss.Lost()
	}
	end, streams := w.last(), 0
	for i, stream := range end.Streams {
		require.Equal(w.t, end.Next[i], w.held[stream].count(), "numbers of stream %d", stream)
		require.True(w.t, w.held[stream].within(end.Next[i]), "stream %d", stream)
		if end.Next[i] > 0 {
			streams++
		}
	}
	require.Len(w.t, w.held, streams, "numbers of streams that the checkpoint does not know")
	counted := uint64(0)
	for _, k := range schema.CaptureKinds() {
		counted += w.total("lost_" + k.String())
	}
	require.Equal(w.t, counted, lost, "lost by the kernel's count, lost by the ranges")
	return int(lost)
}
