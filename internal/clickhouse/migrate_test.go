// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
	"tcpledger/schema"
)

func open(t *testing.T, addr string) *DB {
	t.Helper()
	f := Flags{Addr: addr, Database: schema.Database}
	db, err := f.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Wait(t.Context(), program.NewOutage(slog.New(slog.DiscardHandler), "clickhouse")))
	return db
}

func TestMigrate(t *testing.T) {
	addr, _ := clickhousetest.Start(t)
	db := open(t, addr)
	pending, err := db.Pending(t.Context())
	require.NoError(t, err)
	require.Len(t, pending, len(schema.Migrations(schema.Database)), "nothing is applied to an empty server")

	t.Run("several at once", func(t *testing.T) {
		var g errgroup.Group
		for range 4 {
			other := open(t, addr)
			g.Go(func() error { return other.Migrate(t.Context(), nil) })
		}
		require.NoError(t, g.Wait())
	})
	t.Run("nothing is left", func(t *testing.T) {
		pending, err := db.Pending(t.Context())
		require.NoError(t, err)
		require.Empty(t, pending)
		require.NoError(t, db.Migrate(t.Context(), func(m schema.Migration) { t.Errorf("applied again: %s", m.Name) }))
	})
	t.Run("one cut short goes on", func(t *testing.T) {
		require.NoError(t, db.Exec(t.Context(), "DROP TABLE "+db.Name+".loss SYNC"))
		require.NoError(t, db.Exec(t.Context(), "TRUNCATE TABLE "+db.Name+"."+schema.MigrationsTable))
		require.NoError(t, db.Migrate(t.Context(), nil))
		require.NoError(t, db.Exec(t.Context(), "SELECT lost FROM "+db.Name+".loss"))
	})
	t.Run("columns are the contract's", func(t *testing.T) { columnsAgree(t, db) })
	t.Run("inserts reach the disk", func(t *testing.T) {
		for _, table := range schema.Tables() {
			var ddl string
			require.NoError(t, db.QueryRow(t.Context(), "SELECT create_table_query FROM system.tables WHERE database = ? AND name = ?", db.Name, table.Name).Scan(&ddl))
			require.Contains(t, ddl, "fsync_after_insert = 1", table.Name)
			require.Contains(t, ddl, "fsync_part_directory = 1", table.Name)
		}
	})
}

// columnsAgree compares what the server made of the DDL with the table of columns.
func columnsAgree(t *testing.T, db *DB) {
	for _, table := range schema.Tables() {
		var got, want []string
		rows, err := db.Query(t.Context(), "SELECT name, type, default_kind FROM system.columns WHERE database = ? AND table = ? ORDER BY position", db.Name, table.Name)
		require.NoError(t, err)
		for rows.Next() {
			var name, typ, kind string
			require.NoError(t, rows.Scan(&name, &typ, &kind))
			got = append(got, strings.Join([]string{name, typ, kind}, " "))
		}
		require.NoError(t, rows.Close())
		for _, c := range table.Columns {
			kind := ""
			if c.Alias != "" {
				kind = "ALIAS"
			}
			want = append(want, fmt.Sprintf("%s %s %s", c.Name, c.Type, kind))
		}
		require.Equal(t, want, got, table.Name)
	}
}

// A dictionary reads as the user default unless it is told otherwise: it must be told where that is somebody else.
func TestDictionaryReadsAsTheUser(t *testing.T) {
	const ddl = "CREATE DICTIONARY d SOURCE(CLICKHOUSE(QUERY 'q'))"
	plain, named := DB{user: "default"}, DB{user: "o'neil", password: `a\b`}
	require.Equal(t, ddl, plain.asSelf(ddl))
	require.Equal(t, `CREATE DICTIONARY d SOURCE(CLICKHOUSE(USER 'o\'neil' PASSWORD 'a\\b' QUERY 'q'))`, named.asSelf(ddl))
	require.Equal(t, "CREATE TABLE t", named.asSelf("CREATE TABLE t"))
}
