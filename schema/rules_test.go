// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The agent chooses the decisive stack by ResetDecides, the ingester the cause by Decide: without an error the two agree on
// every evidence there is.
func TestResetDecidesAgreesWithDecide(t *testing.T) {
	decided := 0
	for state := range State(13) {
		for flags := Flags(0); flags <= FlagResetUnseen<<1-1; flags++ {
			for _, errno := range []int32{0, errConnReset} {
				c := Connection{Evidence: Evidence{LastState: state, Flags: flags, Error: errno}}
				want := errno == 0 && Decide(&c).Cause == CauseDataAfterClose
				if ResetDecides(&c) != want {
					require.Equal(t, want, ResetDecides(&c), "%+v", c.Evidence)
				}
				if want {
					decided++
				}
			}
		}
	}
	require.Positive(t, decided)
}
