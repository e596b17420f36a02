// SPDX-License-Identifier: Apache-2.0

package message

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// A set of ranges holds what a set of single numbers holds, and its ranges neither overlap nor touch.
func TestNumbersAgainstAModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n, model := NewNumbers(), map[uint32]map[uint64]bool{1: {}, 2: {}}
		for range 40 {
			from := random.Uint64N(60)
			r := schema.Range{Stream: 1 + random.Uint32N(2), From: from, To: from + random.Uint64N(9)}
			add := random.Uint32N(4) > 0
			if add {
				n.Add(r)
			} else {
				n.Remove(r)
			}
			for seq := r.From; seq <= r.To; seq++ {
				model[r.Stream][seq] = add
			}
		}
		for stream, numbers := range model {
			for seq := range uint64(80) {
				require.Equal(t, numbers[seq], n.Has(stream, seq))
			}
		}
		ranges := n.Ranges()
		for i := range ranges[:max(len(ranges), 1)-1] {
			require.True(t, ranges[i].Stream < ranges[i+1].Stream || ranges[i].To+1 < ranges[i+1].From, "%v", ranges)
		}
		require.Equal(t, ranges, NewNumbers(ranges...).Ranges())
	}
}

func TestNumbersAtTheEnds(t *testing.T) {
	n := NewNumbers(schema.Range{From: 0, To: 0}, schema.Range{From: ^uint64(0), To: ^uint64(0)}, schema.Range{From: 1, To: 5})
	require.Equal(t, []schema.Range{{From: 0, To: 5}, {From: ^uint64(0), To: ^uint64(0)}}, n.Ranges())
	n.Remove(schema.Range{From: 0, To: ^uint64(0)})
	require.Empty(t, n.Ranges())
}
