// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTables(t *testing.T) {
	for _, table := range AllTables() {
		seen := map[string]bool{}
		for _, c := range table.Columns {
			require.False(t, seen[c.Name], "%s.%s twice", table.Name, c.Name)
			seen[c.Name] = true
			require.NotEmpty(t, c.Doc, "%s.%s", table.Name, c.Name)
			require.NotContains(t, c.Type, "Enum", "%s.%s", table.Name, c.Name)
		}
		require.Contains(t, table.Engine, "ReplacingMergeTree", table.Name)
		require.Contains(t, table.Setting, "fsync_after_insert = 1", table.Name)
	}
}
