// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"
	"strings"

	"tcpledger/schema"
)

// maxNamed bounds the differences that an error names.
const maxNamed = 5

// Verify returns an UnfitError that names what the migrated tables lack or have otherwise than this program needs: a table, a
// column, a type, the engine or the key. More columns, other codecs, indexes, settings and retention are the operator's.
func (db *DB) Verify(ctx context.Context) error {
	differences, err := db.differences(ctx)
	if err != nil {
		return err
	}
	if len(differences) == 0 {
		return nil
	}
	more := ""
	if n := len(differences) - maxNamed; n > 0 {
		more = fmt.Sprintf("; and %d more", n)
		differences = differences[:maxNamed]
	}
	return unfit("the database %s is not as tcpledger needs it: %s%s", db.Name, strings.Join(differences, "; "), more)
}

// found is a table as the server has it.
type found struct {
	Name   string `ch:"name"`
	Engine string `ch:"engine_full"`
	Order  string `ch:"sorting_key"`
	Parts  string `ch:"partition_key"`

	columns map[string]column
}

type column struct {
	Table   string `ch:"table"`
	Name    string `ch:"name"`
	Type    string `ch:"type"`
	Default string `ch:"default_kind"`
}

func (db *DB) differences(ctx context.Context) ([]string, error) {
	tables, err := db.tables(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, want := range schema.AllTables() {
		got, ok := tables[want.Name]
		if !ok {
			out = append(out, fmt.Sprintf("the table %s is missing", want.Name))
			continue
		}
		out = append(out, got.compare(want)...)
	}
	return out, nil
}

func (db *DB) tables(ctx context.Context) (map[string]*found, error) {
	var tables []found
	err := db.Select(ctx, &tables, "SELECT name, engine_full, sorting_key, partition_key FROM system.tables WHERE database = ?", db.Name)
	if err != nil {
		return nil, fmt.Errorf("look at the tables: %w", err)
	}
	var columns []column
	err = db.Select(ctx, &columns, "SELECT table, name, type, default_kind FROM system.columns WHERE database = ?", db.Name)
	if err != nil {
		return nil, fmt.Errorf("look at the columns: %w", err)
	}
	out := map[string]*found{}
	for i := range tables {
		tables[i].columns = map[string]column{}
		out[tables[i].Name] = &tables[i]
	}
	for _, c := range columns {
		if t, ok := out[c.Table]; ok { // else made between the two questions
			t.columns[c.Name] = c
		}
	}
	return out, nil
}

func (f *found) compare(want *schema.Table) []string {
	var out []string
	differs := func(what, has, needs string) {
		if has != needs {
			out = append(out, fmt.Sprintf("%s of %s is %s, not %s", what, want.Name, has, needs))
		}
	}
	engine, _, _ := strings.Cut(f.Engine, " ")
	differs("the engine", engine, want.Engine)
	differs("the order", f.Order, strings.Trim(want.Order, "()"))
	differs("the partition key", f.Parts, want.Parts)
	for _, c := range want.Columns {
		got, ok := f.columns[c.Name]
		if !ok {
			out = append(out, fmt.Sprintf("the column %s.%s is missing", want.Name, c.Name))
			continue
		}
		differs("the type of the column "+c.Name, got.Type, c.Type)
	}
	return out
}
