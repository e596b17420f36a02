// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

func TestRejectCountsAndMerges(t *testing.T) {
	var f Reject
	require.False(t, f.Any())
	f.Add(Time, "2399", schema.Range{Stream: 1, From: 5, To: 5})
	f.Add(Time, "1066", schema.Range{Stream: 1, From: 6, To: 6})
	f.Add(UnknownKind, "kind 200", schema.Range{Stream: 2, From: 7, To: 7})
	require.True(t, f.Any())
	require.Equal(t, "time: 2399 (and 1 more); unknown_kind: kind 200", f.String())
	require.Equal(t, []Kind{Time, UnknownKind}, f.Kinds())
	require.Equal(t, []schema.Range{{Stream: 1, From: 5, To: 6}, {Stream: 2, From: 7, To: 7}}, f.Ranges)
	f.Reset()
	require.False(t, f.Any())
	require.Empty(t, f.Ranges)
}

func TestRangesAtTheEndOfTheNumbersDoNotWrap(t *testing.T) {
	var f Reject
	f.Add(Time, "", schema.Range{From: math.MaxUint64, To: math.MaxUint64}, schema.Range{From: 0, To: 0})
	require.Len(t, f.Ranges, 2)
}
