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

// The page of the tables comes from the tables.
func TestTablesPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# The tables\n\nGenerated from `schema/columns.go` and `schema/tables.go` (`make generate`); do not edit.\n")
	for _, table := range Tables() {
		fmt.Fprintf(&b, "\n## `%s`\n\n%s.\n\nEngine `%s`, order `%s`", table.Name, table.Doc, table.Engine, table.Order)
		if table.Parts != "" {
			fmt.Fprintf(&b, ", partition `%s`", table.Parts)
		}
		b.WriteString(".\n\n| column | type | what |\n|---|---|---|\n")
		for _, c := range table.Columns {
			doc := strings.ReplaceAll(c.Doc, "|", "\\|")
			if c.Alias != "" {
				doc += " (computed)"
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", c.Name, c.Type, doc)
		}
	}
	path := filepath.Join("..", "docs", "tables.md")
	if os.Getenv("TCPLEDGER_TEST_WRITE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(page), b.String(), "run make generate")
}
