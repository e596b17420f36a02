// SPDX-License-Identifier: Apache-2.0

package kafkaconn

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFramesAreCountedHoweverTheyAreCut: a read or write may end anywhere, also within the length.
func TestFramesAreCountedHoweverTheyAreCut(t *testing.T) {
	stream := []byte{0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 0, 0, 1, 2}
	stream = append(append(stream, make([]byte, 258)...), 0, 0, 0, 1) // the third has 258 bytes; of the fourth only the length is there
	for step := 1; step <= len(stream); step++ {
		var f frames
		for at := 0; at < len(stream); at += step {
			f.add(stream[at:min(at+step, len(stream))])
		}
		require.Equal(t, 3, f.ended, "in steps of %d", step)
		require.True(t, f.inside())
		f.add([]byte{9})
		require.Equal(t, 4, f.ended)
		require.False(t, f.inside())
	}
}
