// SPDX-License-Identifier: Apache-2.0

package query

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTopCauses(t *testing.T) {
	g := Counts{Causes: map[string]uint64{"refused": 2, "peer_close": 7, "killed": 2, "unknown": 1}}
	require.Equal(t, []CauseCount{{"peer_close", 7}, {"killed", 2}, {"refused", 2}, {"unknown", 1}}, g.TopCauses())
}
