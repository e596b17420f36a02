// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"strings"
)

// Column is one column of a table. The DDL, the insert block and the docs come from it.
type Column struct {
	Name     string
	Type     string // ClickHouse's
	Codec    string // "" for the default
	Alias    string // an expression: computed when read, never inserted
	Doc      string
	FromStep int // the migration that adds it; 0: the one that creates the table
}

// Table is one table with its columns in order.
type Table struct {
	Name    string
	Doc     string
	Columns []Column
	Engine  string
	Primary string // "" for the whole order
	Order   string
	Parts   string // PARTITION BY
	TTL     string
	Indexes []string
	Setting string
}

// Inserted lists the columns of an insert block in order.
func (t *Table) Inserted() []Column {
	var out []Column
	for _, c := range t.Columns {
		if c.Alias == "" {
			out = append(out, c)
		}
	}
	return out
}

// CreateSQL is the statement that creates the table as the migration that creates it does.
func (t *Table) CreateSQL(database string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s.%s\n(\n", database, t.Name)
	var lines []string
	for _, c := range t.Columns {
		if c.FromStep == 0 {
			lines = append(lines, "    "+c.ddl())
		}
	}
	for _, i := range t.Indexes {
		lines = append(lines, "    INDEX "+i)
	}
	fmt.Fprintf(&b, "%s\n)\nENGINE = %s\n", strings.Join(lines, ",\n"), t.Engine)
	clause(&b, "PARTITION BY", t.Parts)
	clause(&b, "PRIMARY KEY", t.Primary)
	clause(&b, "ORDER BY", t.Order)
	clause(&b, "TTL", t.TTL)
	clause(&b, "SETTINGS", t.Setting)
	fmt.Fprintf(&b, "COMMENT %s", quote(t.Doc))
	return b.String()
}

// AlterSQL lists the statements that add the columns of migration step.
func (t *Table) AlterSQL(database string, step int) []string {
	var out []string
	for i, c := range t.Columns {
		if c.FromStep != step || step == 0 {
			continue
		}
		out = append(out, fmt.Sprintf("ALTER TABLE %s.%s ADD COLUMN IF NOT EXISTS %s AFTER %s", database, t.Name, c.ddl(), t.Columns[i-1].Name))
	}
	return out
}

func (c *Column) ddl() string {
	s := fmt.Sprintf("`%s` %s", c.Name, c.Type)
	if c.Alias != "" {
		s += " ALIAS " + c.Alias
	}
	s += " COMMENT " + quote(c.Doc)
	if c.Codec != "" {
		s += " CODEC(" + c.Codec + ")"
	}
	return s
}

func clause(b *strings.Builder, keyword, text string) {
	if text != "" {
		fmt.Fprintf(b, "%s %s\n", keyword, text)
	}
}

func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
