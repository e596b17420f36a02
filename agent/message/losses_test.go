// SPDX-License-Identifier: Apache-2.0

package message

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// TestLossesAgainstModel: ranges that were added come out again, each number once, neighbours joined.
func TestLossesAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 4))
	var l Losses
	want := map[schema.Range]bool{}
	for _, n := range rng.Perm(2000) {
		if n%17 == 0 {
			continue
		}
		stream, seq := uint32(n%3), uint64(n/3)
		l.Add(schema.Loss{At: 5, Stream: stream, SeqFrom: seq, SeqTo: seq, Cause: schema.LossQueueOverflow})
		want[schema.Range{Stream: stream, From: seq, To: seq}] = true
	}
	require.Less(t, len(l.ranges), 2000/17+4, "joined")
	for {
		out := l.Take(7)
		if len(out) == 0 {
			break
		}
		for _, loss := range out {
			for seq := loss.SeqFrom; seq <= loss.SeqTo; seq++ {
				r := schema.Range{Stream: loss.Stream, From: seq, To: seq}
				require.True(t, want[r])
				delete(want, r)
			}
		}
	}
	require.Empty(t, want)
}

func TestLossesAreNotJoinedAcrossTimeOrCause(t *testing.T) {
	var l Losses
	l.Add(schema.Loss{At: 1, SeqFrom: 0, SeqTo: 4, Cause: schema.LossQueueOverflow})
	l.Add(schema.Loss{At: 1 + lossBucket, SeqFrom: 5, SeqTo: 5, Cause: schema.LossQueueOverflow})
	l.Add(schema.Loss{At: 2, SeqFrom: 6, SeqTo: 6, Cause: schema.LossTooLarge})
	require.Len(t, l.ranges, 3)
}

// A long outage under a storm: every other number was lost in the ring already, the rest lies in dropped messages. Memory
// stays bounded and each number is still reported once.
func TestLossesAreBounded(t *testing.T) {
	var l Losses
	const numbers = 5 * MaxLosses
	for seq := range uint64(numbers) {
		l.Add(schema.Loss{At: seq * lossBucket, Stream: 1, SeqFrom: seq, SeqTo: seq,
			Cause: []string{schema.LossRingFull, schema.LossQueueOverflow, schema.LossTooLarge}[seq%3]})
	}
	require.Len(t, l.ranges, MaxLosses)
	require.Equal(t, schema.LossQueueOverflow, l.ranges[MaxLosses-1].Cause)
	next := uint64(0)
	for _, loss := range l.Take(numbers) {
		require.Equal(t, next, loss.SeqFrom)
		next = loss.SeqTo + 1
	}
	require.Equal(t, uint64(numbers), next)
}
