// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tcpledger/query"
)

// Tables are the names of the Collector's tables: "table" or "database.table". A name without a database is looked up in
// tcpledger's, then in the database default. An empty name is not looked up.
type Tables struct{ Logs, Traces string }

// DefaultTables are the names that the exporter gives.
var DefaultTables = Tables{Logs: "otel_logs", Traces: "otel_traces"}

var tableName = regexp.MustCompile(`^(?:([A-Za-z_][A-Za-z0-9_]*)\.)?([A-Za-z_][A-Za-z0-9_]*)$`)

// Check says which name is none that a table can have.
func (t Tables) Check() error {
	for _, name := range []string{t.Logs, t.Traces} {
		if name != "" && !tableName.MatchString(name) {
			return fmt.Errorf("%q is no table: want letters, digits and _, with a database before a dot or without", name)
		}
	}
	return nil
}

// table is a table of lines as it is: its name in SQL and the types of its columns. Versions of the exporter differ in both.
type table struct {
	name    string
	columns map[string]string
	spans   bool
}

func (t *table) has(column string) bool { return t != nil && t.columns[column] != "" }

// Source is where lines are read from. Absent says in a sentence what was looked for and is not there, "" if all is.
type Source struct {
	client *query.Client
	logs   *table
	traces *table
	Absent string
}

// Found reports whether there is a table of lines or spans.
func (s *Source) Found() bool { return s.logs != nil || s.traces != nil }

// Open looks up the tables and their columns in system.columns. A table that is absent is no error.
func Open(ctx context.Context, c *query.Client, names Tables) (*Source, error) {
	if err := names.Check(); err != nil {
		return nil, err
	}
	s := &Source{client: c}
	var absent []string
	for _, look := range []struct {
		name  string
		needs []string
		into  **table
		spans bool
	}{
		{names.Logs, []string{"Timestamp", "Body", "LogAttributes", "ResourceAttributes"}, &s.logs, false},
		{names.Traces, []string{"Timestamp", "TraceId", "SpanAttributes", "ResourceAttributes"}, &s.traces, true},
	} {
		if look.name == "" {
			continue
		}
		found, err := find(ctx, c, look.name, look.needs)
		if err != nil {
			return nil, err
		}
		if found == nil {
			absent = append(absent, look.name)
			continue
		}
		found.spans = look.spans
		*look.into = found
	}
	if len(absent) > 0 {
		s.Absent = "no table " + strings.Join(absent, " and no table ") + ": nothing is known from there (--otel-logs and --otel-traces name them)"
	}
	return s, nil
}

type column struct {
	Database string `ch:"database"`
	Table    string `ch:"table"`
	Name     string `ch:"name"`
	Type     string `ch:"type"`
}

// find returns the table, nil if there is none with the columns that it needs.
func find(ctx context.Context, c *query.Client, name string, needs []string) (*table, error) {
	parts := tableName.FindStringSubmatch(name)
	databases := []string{parts[1]}
	if parts[1] == "" {
		databases = []string{c.Database(), "default"}
	}
	for _, database := range databases {
		rows, err := query.Ask[column](ctx, c, query.Question{
			Name:       "columns of " + name,
			SQL:        "SELECT database, table, name, type\nFROM `system`.columns\nWHERE database = {database:String} AND table = {table:String}",
			Parameters: map[string]string{"database": query.TextParameter(database), "table": query.TextParameter(parts[2])},
		})
		if err != nil {
			return nil, err
		}
		t := &table{name: "`" + database + "`." + parts[2], columns: map[string]string{}}
		for _, row := range rows {
			t.columns[row.Name] = row.Type
		}
		if !slices.ContainsFunc(needs, func(column string) bool { return !t.has(column) }) {
			return t, nil
		}
	}
	return nil, nil
}

// attributes is a column of attributes as a map that has the names that are looked for.
func (t *table) attributes(column string) string {
	names := quoted(Names())
	if !strings.HasPrefix(t.columns[column], "JSON") {
		return "mapFilter((k, v) -> has(" + names + ", k), CAST(" + column + ", 'Map(String, String)'))"
	}
	values := make([]string, 0, len(Names()))
	for _, name := range Names() {
		values = append(values, "ifNull(toString("+column+".`"+strings.ReplaceAll(name, ".", "`.`")+"`), '')")
	}
	return "mapFilter((k, v) -> v != '', mapFromArrays(" + names + ", [" + strings.Join(values, ", ") + "]))"
}
