// SPDX-License-Identifier: Apache-2.0

package query

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The arithmetic of spans agrees with sets of numbers, one by one.
func TestSpansAgreeWithSets(t *testing.T) {
	const limit = 24
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		within := span{random.Uint64N(limit), 0}
		within.end = within.low + random.Uint64N(limit)
		times := map[uint64]uint64{}
		var all []span
		for range random.IntN(6) {
			s := span{random.Uint64N(limit), random.Uint64N(limit)}
			all = append(all, s)
			for n := s.cut(within).low; n < s.cut(within).end; n++ {
				times[n]++
			}
		}
		joined, again := union(cutAll(all, within))
		wantAgain := uint64(0)
		for _, n := range times {
			wantAgain += n - 1
		}
		require.Equal(t, uint64(len(times)), count(joined), "%v in %v", all, within)
		require.Equal(t, wantAgain, again, "%v in %v", all, within)
		missing := uint64(0)
		for _, h := range holes(within, joined) {
			require.Less(t, h.low, h.end)
			for n := h.low; n < h.end; n++ {
				require.Zero(t, times[n])
				missing++
			}
		}
		require.Equal(t, within.length()-uint64(len(times)), missing)
	}
}

func TestSpansOfAllNumbers(t *testing.T) {
	within := span{0, math.MaxUint64}
	all := spans([]uint64{0, 5, math.MaxUint64}, []uint64{math.MaxUint64, 2, math.MaxUint64}, within)
	joined, again := union(all)
	require.Equal(t, []span{within}, joined)
	require.Zero(t, again)
	require.Empty(t, holes(within, joined))
}
