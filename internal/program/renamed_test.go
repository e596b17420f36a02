// SPDX-License-Identifier: Apache-2.0

package program

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An old name leads to one that a program has, and is itself nobody's today.
func TestRenamedSettingsLeadToTodaysNames(t *testing.T) {
	keys := strings.Fields(keysOfAllPrograms)
	for old, now := range renamed {
		require.Contains(t, keys, now)
		require.NotContains(t, keys, old)
	}
}
