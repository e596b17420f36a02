// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/schema"
)

// All steps together make the tables that schema describes.
func TestTheStepsMakeTodaysTables(t *testing.T) {
	db := migrated(t)
	for _, table := range schema.AllTables() {
		var want []string
		for _, c := range table.Columns {
			kind := ""
			switch {
			case c.Alias != "":
				kind = "ALIAS"
			case c.Materialized != "":
				kind = "MATERIALIZED"
			}
			want = append(want, strings.Join([]string{c.Name, c.Type, kind, c.Alias + c.Materialized, c.Doc, c.Codec}, "|"))
		}
		require.Equal(t, want, columnsOf(t, db, table.Name), table.Name)

		var name, engine, order, primary, parts, full, doc string
		require.NoError(t, db.QueryRow(t.Context(), `SELECT name, engine, sorting_key, primary_key, partition_key, engine_full, comment
			FROM system.tables WHERE database = ? AND name = ?`, db.Name, table.Name).Scan(&name, &engine, &order, &primary, &parts, &full, &doc))
		wantPrimary := table.Primary
		if wantPrimary == "" {
			wantPrimary = table.Order
		}
		require.Equal(t, []string{strings.Trim(table.Order, "()"), strings.Trim(wantPrimary, "()"), table.Parts, table.Doc}, []string{order, primary, parts, doc}, table.Name)
		require.True(t, strings.HasPrefix(full, table.Engine+" "), full)
		for setting := range strings.SplitSeq(table.Setting, ", ") {
			require.Contains(t, full, setting)
		}
		if table.TTL != "" {
			days := regexp.MustCompile(`INTERVAL (\d+) DAY DELETE`)
			require.Contains(t, full, "TTL "+days.ReplaceAllString(table.TTL, "toIntervalDay($1)"))
		}
		indexes := lines(t, db, "SELECT concat(name, ' ', expr, ' TYPE ', type_full, ' GRANULARITY ', toString(granularity)) FROM system.data_skipping_indices WHERE database = 'tcpledger' AND table = '"+table.Name+"'")
		require.Equal(t, strings.Join(table.Indexes, "\n"), indexes)
		projections := lines(t, db, "SELECT concat(name, ' ', replaceRegexpAll(query, '\\s+', ' ')) FROM system.projections WHERE database = 'tcpledger' AND table = '"+table.Name+"'")
		require.Equal(t, strings.Join(table.Projections, "\n"), projections)
	}
	require.Equal(t, "", lines(t, db, "SELECT name FROM system.dictionaries WHERE database = 'tcpledger'"))
}

var deltaOf = regexp.MustCompile(`Delta\(\d\)`)

func columnsOf(t *testing.T, db *DB, table string) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), `SELECT name, type, default_kind, default_expression, comment, compression_codec FROM system.columns
		WHERE database = ? AND table = ? ORDER BY position`, db.Name, table)
	require.NoError(t, err)
	var out []string
	for rows.Next() {
		var name, typ, kind, expression, comment, codec string
		require.NoError(t, rows.Scan(&name, &typ, &kind, &expression, &comment, &codec))
		codec = deltaOf.ReplaceAllString(strings.TrimSuffix(strings.TrimPrefix(codec, "CODEC("), ")"), "Delta")
		out = append(out, strings.Join([]string{name, typ, kind, expression, comment, codec}, "|"))
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	return out
}

// insertable lists the columns of a table that an insert names, with their types.
func insertable(t *testing.T, db *DB, table string) (names, types []string) {
	t.Helper()
	rows, err := db.Query(t.Context(), "SELECT name, type FROM system.columns WHERE database = ? AND table = ? AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') ORDER BY position", db.Name, table)
	require.NoError(t, err)
	for rows.Next() {
		var name, typ string
		require.NoError(t, rows.Scan(&name, &typ))
		names, types = append(names, "`"+name+"`"), append(types, typ)
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	return names, types
}

// written is an insert of 100 rows as an ingester of some version sends it: it names the columns that it knew.
type written struct{ table, insert, columns string }

// writes makes an insert for each table as it is now. seed chooses the rows; times are of one day and not expired.
func writes(t *testing.T, db *DB, seed int) []written {
	t.Helper()
	var out []written
	for _, table := range schema.Tables() {
		names, types := insertable(t, db, table.Name)
		var structure, values []string
		for i, name := range names {
			structure = append(structure, name+" "+types[i])
			switch name {
			case "`at`", "`closed_at`":
				name = "toDateTime64('2026-03-04 10:02:00', 6, 'UTC') + rowNumberInAllBlocks()"
			case "`received_at`":
				name = "now64(6)"
			}
			values = append(values, name)
		}
		columns := strings.Join(names, ", ")
		out = append(out, written{table.Name, fmt.Sprintf("INSERT INTO %s.%s (%s) SELECT %s FROM generateRandom(%s, %d, 4, 3) LIMIT 100",
			db.Name, table.Name, columns, strings.Join(values, ", "), schema.Quote(strings.Join(structure, ", ")), seed), columns})
	}
	return out
}

// contents sums up what columns of a table hold, each record once.
func contents(t *testing.T, db *DB, w written) string {
	t.Helper()
	return lines(t, db, fmt.Sprintf("SELECT count(), sum(cityHash64(%s)) FROM %s.%s FINAL", w.columns, db.Name, w.table))
}

// A database of each released step, with rows in it, becomes today's: every value stays, the tables are today's, questions
// are answered, and an ingester of that step still writes.
func TestFromEachReleasedStep(t *testing.T) {
	addr, _ := clickhousetest.Start(t)
	today := open(t, addr)
	require.NoError(t, today.Migrate(t.Context(), nil))
	for _, last := range steps(t, today)[:len(steps(t, today))-1] {
		t.Run(last.Name, func(t *testing.T) {
			db, old, before := ofStep(t, addr, fmt.Sprintf("of_step_%d", last.Step), last.Step)
			again := writes(t, db, 2)
			require.NoError(t, db.Migrate(t.Context(), nil))
			for _, w := range old {
				require.True(t, strings.HasPrefix(before[w.table], "100 "), before[w.table])
				require.Equal(t, before[w.table], contents(t, db, w), w.table)
				require.Equal(t, columnsOf(t, today, w.table), columnsOf(t, db, w.table), w.table)
			}
			answer := lines(t, db, "SELECT sum(records) > 0 FROM "+db.Name+".losses(from = '2026-03-04 10:00:00', to = '2026-03-04 11:00:00')")
			require.Equal(t, "1", answer)
			for _, w := range again {
				exec(t, db, w.insert)
				require.True(t, strings.HasPrefix(contents(t, db, w), "200 "), w.table)
			}
		})
	}
}
