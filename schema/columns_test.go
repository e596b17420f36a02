// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A released migration never changes: databases out there have applied it.
func TestMigrationsAreGolden(t *testing.T) {
	for i, m := range Migrations(Database) {
		require.Equal(t, i+1, m.Step)
		text := strings.Join(m.Statements, ";\n\n") + ";\n"
		path := filepath.Join("testdata", fmt.Sprintf("migration.%04d.sql", m.Step))
		if os.Getenv("TCPLEDGER_TEST_WRITE_GOLDEN") != "" {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		}
		golden, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(golden), text)
	}
}

func TestTables(t *testing.T) {
	for _, table := range Tables() {
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
