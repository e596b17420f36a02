// SPDX-License-Identifier: Apache-2.0

package schema

// Column is one column of a table as it is today. The docs come from it; tests hold the migrations and the ingester's insert
// blocks to it.
type Column struct {
	Name  string
	Type  string // ClickHouse's
	Codec string // "" for the default
	Alias string // an expression: computed when read, never inserted
	Doc   string
	// Materialized is an expression: computed when the row is inserted, which does not name the column.
	Materialized string
}

// Table is one table as it is today, with its columns in order. schema/migrations has the statements that make it.
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
		if c.Alias == "" && c.Materialized == "" {
			out = append(out, c)
		}
	}
	return out
}
