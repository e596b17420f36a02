// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// The page of the tables comes from the tables.
func TestTablesPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# The tables\n\nGenerated from `schema/columns.go`, `schema/tables.go` and `schema/rollups.go` (`make generate`); do not edit.\n")
	for _, table := range AllTables() {
		fmt.Fprintf(&b, "\n## `%s`\n\n%s.\n\nEngine `%s`, order `%s`", table.Name, table.Doc, table.Engine, table.Order)
		if table.Parts != "" {
			fmt.Fprintf(&b, ", partition `%s`", table.Parts)
		}
		b.WriteString(".\n\n| column | type | what |\n|---|---|---|\n")
		for _, c := range table.Columns {
			doc := strings.ReplaceAll(c.Doc, "|", "\\|")
			if c.Alias != "" || c.Materialized != "" {
				doc += " (computed)"
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", c.Name, c.Type, doc)
		}
	}
	generated(t, filepath.Join("..", "docs", "tables.md"), b.String())
}
