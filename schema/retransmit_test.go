// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhyRetransmitted(t *testing.T) {
	for raw, want := range map[uint32]string{
		4:            RetransmitTimeout,
		4 + 1<<8:     RetransmitLossRecovery,
		3 + 1<<8:     RetransmitFast,
		3 + 6<<8:     RetransmitFast, // RACK's timer
		0 + 5<<8:     RetransmitTailLossProbe,
		1 + 5<<8:     RetransmitTailLossProbe,
		3 + 5<<8:     RetransmitFast,
		0:            "",
		1 << 8:       "",
		^uint32(0):   "",
		7 + 250<<8:   "",
		4 + 1<<8<<16: RetransmitLossRecovery,
	} {
		require.Equal(t, want, WhyRetransmitted(raw), "%#x", raw)
	}
}
