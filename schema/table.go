// SPDX-License-Identifier: Apache-2.0

package schema

import "slices"

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
	// Projections are each a name and a SELECT.
	Projections []string
	Setting     string
}

// Age is the expression that rows age by: when they were stored, or in a rollup the row's own time. It is "" for a table that keeps
// its rows: there are few, or an operator must not change how long.
func (t *Table) Age() string {
	switch {
	case t.TTL == retentionTTL:
		return "toDateTime(received_at)"
	case slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Name == "made_at" }):
		i := slices.IndexFunc(t.Columns, func(c Column) bool {
			return c.Name == "bucket" || c.Name == "hour" || c.Name == "minute" || c.Name == "began"
		})
		return t.Columns[i].Name
	}
	return ""
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
