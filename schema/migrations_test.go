// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	oneServer = Target{Database: Database}
	cluster   = Target{Database: "fleet", Cluster: "main"}
)

// A released migration never changes: databases out there have applied it.
func TestReleasedMigrationsNeverChange(t *testing.T) {
	steps, err := Migrations(oneServer)
	require.NoError(t, err)
	for _, m := range steps {
		var texts []string
		for _, s := range m.Statements {
			texts = append(texts, strings.TrimSuffix(s.Text(), ";\n"))
		}
		released(t, filepath.Join("testdata", fmt.Sprintf("migration.%04d.sql", m.Step)), strings.Join(texts, ";\n\n")+";\n")
	}
	golden, err := filepath.Glob("testdata/migration.*.sql")
	require.NoError(t, err)
	require.Len(t, golden, len(steps), "no released step is missing")
}

// A view whose text changes has a new edition: a program makes the view anew only when the database's edition is older.
func TestAnEditionOfAViewNeverChanges(t *testing.T) {
	views, err := Views(oneServer)
	require.NoError(t, err)
	for _, v := range views {
		releasedLine(t, filepath.Join("testdata", "editions.txt"), fmt.Sprintf("%s edition %d,", v.Name, v.Edition), v.Name+" "+v.Mark)
	}
}

func TestStaleViews(t *testing.T) {
	v := marked("v", 3, "CREATE OR REPLACE VIEW v AS SELECT 1", "One")
	require.Contains(t, v.SQL, "COMMENT 'One ("+v.Mark+")'")
	for comment, stale := range map[string]bool{
		"":                                    true,
		"One":                                 true,
		"One (" + v.Mark + ")":                false,
		"One (edition 3, text 000000000000)":  true,
		"One (edition 2, text 000000000000)":  true,
		"One (edition 12, text 000000000000)": false, // a newer program's
	} {
		require.Equal(t, stale, v.Stale(comment), comment)
	}
}

var everyStatement = regexp.MustCompile(`^(CREATE|ALTER|DROP|RENAME) `)

// The same files make a cluster's tables: every statement on all servers, replicated tables, and a table over all shards.
func TestMigrationsOfACluster(t *testing.T) {
	steps, err := Migrations(cluster)
	require.NoError(t, err)
	for _, m := range steps {
		for _, s := range m.Statements {
			require.NotRegexp(t, `\{(db|local|on_cluster|replicated|on_all_shards)\}`, s.Text())
			require.NotContains(t, s.SQL, "tcpledger.")
			if !everyStatement.MatchString(s.SQL) {
				continue
			}
			require.Contains(t, s.SQL, " ON CLUSTER 'main'")
			if strings.HasPrefix(s.SQL, "CREATE TABLE") {
				require.Regexp(t, `ReplicatedReplacingMergeTree\b`, s.Text())
			}
		}
	}
	views, err := Views(cluster)
	require.NoError(t, err)
	tables := AllTables()
	require.Greater(t, len(views), len(tables))
	require.Contains(t, views[0].SQL, "CREATE OR REPLACE TABLE fleet.connections ON CLUSTER 'main' AS fleet.connections_local\nENGINE = Distributed('main', 'fleet', 'connections_local', rand())")
	for _, v := range views[len(tables):] {
		if strings.HasPrefix(v.SQL, "CREATE OR REPLACE MATERIALIZED VIEW fleet."+v.Name+" ON CLUSTER 'main'\n") {
			require.Regexp(t, `\b(APPEND )?TO fleet\.\w+_local AS\n`, v.SQL)
			rest := regexp.MustCompile(`fleet\.\w+_local\b`).ReplaceAllString(strings.Replace(v.SQL, "fleet."+v.Name, "", 1), "")
			require.NotContains(t, rest, "fleet.", "a shard sums up its own rows")
			continue
		}
		require.Contains(t, v.SQL, "CREATE OR REPLACE VIEW fleet."+v.Name+" ON CLUSTER 'main' AS\n")
		require.NotRegexp(t, `_local\b`, v.SQL, "views see all shards")
	}
}

func TestStatements(t *testing.T) {
	got := statements("-- a comment\n\n-- for each: SELECT 1\nA {each}\n(';')\n;\nB;\n\n-- the end\n")
	require.Equal(t, []Statement{{ForEach: "SELECT 1", SQL: "A {each}\n(';')"}, {SQL: "B"}}, got)
	require.Equal(t, "-- for each: SELECT 1\nA;\n", Statement{ForEach: "SELECT 1", SQL: "A"}.Text())
}

func TestQuote(t *testing.T) { require.Equal(t, `'o\'neil\\'`, Quote(`o'neil\`)) }
