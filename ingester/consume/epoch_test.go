// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnOffsetHasTheEpochOfWhatIsBeforeIt(t *testing.T) {
	var e epochs
	require.EqualValues(t, unknownEpoch, e.before(7))
	require.EqualValues(t, unknownEpoch, e.last())
	for offset := range int64(10) {
		e.read(offset, 3)
	}
	e.read(10, 5)
	e.read(11, 5)
	require.EqualValues(t, 5, e.last())
	require.EqualValues(t, unknownEpoch, e.before(0), "nothing is before it")
	require.EqualValues(t, 3, e.before(10))
	require.EqualValues(t, 5, e.before(11))
	require.EqualValues(t, 5, e.before(12))
	require.Len(t, e.spans, 1, "what was committed is forgotten")

	e.read(4, 6) // the end was lost, and is read again
	require.EqualValues(t, 6, e.last())
	require.EqualValues(t, 6, e.before(5))
}
