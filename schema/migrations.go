// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"embed"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Target is where the tables live. With a Cluster every statement runs ON CLUSTER, the tables are replicated and end in
// _local, and a Distributed table over all shards has the plain name.
type Target struct {
	Database string
	Cluster  string // the name in the server's remote_servers; "" for one server
}

// Migration is one step of the database's history. Its statements are idempotent: a step that was cut short is applied
// again from its beginning.
type Migration struct {
	Step       int
	Name       string
	Statements []Statement
}

// Statement is one statement of a migration.
type Statement struct {
	// ForEach is a query of one column. The statement runs once for each row of its answer, with the row's text for {each} and
	// the text as a string literal for {quoted each}. A query about a table that does not exist has no rows. "" runs the statement
	// once.
	ForEach string
	SQL     string
}

// MigrationsTable records which steps were applied.
const MigrationsTable = "migrations"

// A released file never changes: databases have applied it. testdata/migration.NNNN.sql holds what each rendered to.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

var migrationName = regexp.MustCompile(`^(\d{4})_(\w+)\.sql$`)

// Migrations lists all steps in order. An error is a fault of the files in this program.
func Migrations(t Target) ([]Migration, error) {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	var out []Migration
	for i, entry := range entries { // sorted by name
		parts := migrationName.FindStringSubmatch(entry.Name())
		if parts == nil {
			return nil, fmt.Errorf("migrations/%s: want NNNN_what_it_does.sql", entry.Name())
		}
		step, _ := strconv.Atoi(parts[1]) // four digits
		if step != i+1 {
			return nil, fmt.Errorf("migrations/%s: want step %d", entry.Name(), i+1)
		}
		text, err := migrationFiles.ReadFile(path.Join("migrations", entry.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, Migration{Step: step, Name: strings.ReplaceAll(parts[2], "_", " "), Statements: statements(t.render(string(text)))})
	}
	return out, nil
}

// render fills in the placeholders of a file of SQL.
func (t Target) render(text string) string {
	onCluster, local, replicated, onAllShards := "", "", "", ""
	if t.Cluster != "" {
		onCluster, local, replicated = " ON CLUSTER "+Quote(t.Cluster), localSuffix, "Replicated"
		onAllShards = "('/clickhouse/tables/{uuid}/all', '{replica}')"
	}
	return strings.NewReplacer("{db}", t.Database, "{on_cluster}", onCluster, "{local}", local, "{replicated}", replicated,
		"{on_all_shards}", onAllShards).Replace(text)
}

const forEach = "-- for each: "

// statements splits a file at the semicolons that end a line. Other lines that begin with -- are comments.
func statements(text string) []Statement {
	var out []Statement
	for chunk := range strings.SplitSeq(text, ";\n") {
		var s Statement
		var lines []string
		for line := range strings.Lines(chunk) {
			if query, ok := strings.CutPrefix(line, forEach); ok {
				s.ForEach = strings.TrimSpace(query)
			} else if !strings.HasPrefix(line, "--") {
				lines = append(lines, line)
			}
		}
		if s.SQL = strings.TrimSpace(strings.Join(lines, "")); s.SQL != "" {
			out = append(out, s)
		}
	}
	return out
}

// Text is the statement as it stands in a file.
func (s Statement) Text() string {
	if s.ForEach == "" {
		return s.SQL + ";\n"
	}
	return forEach + s.ForEach + "\n" + s.SQL + ";\n"
}
