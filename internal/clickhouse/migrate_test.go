// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
	"tcpledger/schema"
)

func open(t *testing.T, addr string) *DB {
	return openAs(t, Flags{Addr: addr, Database: schema.Database})
}

func openAs(t *testing.T, f Flags) *DB {
	t.Helper()
	db, err := f.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Wait(t.Context(), program.NewOutage(slog.New(slog.DiscardHandler), "clickhouse")))
	return db
}

func steps(t *testing.T, db *DB) []schema.Migration {
	t.Helper()
	all, err := schema.Migrations(db.target())
	require.NoError(t, err)
	return all
}

func TestMigrate(t *testing.T) {
	addr, _ := clickhousetest.Start(t)
	db := open(t, addr)
	pending, err := db.Pending(t.Context())
	require.NoError(t, err)
	require.Len(t, pending.Steps, len(steps(t, db)), "nothing is applied to an empty server")

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
		require.True(t, pending.Empty())
		require.NoError(t, db.Migrate(t.Context(), func(what string) { t.Errorf("applied again: %s", what) }))
	})
	t.Run("one cut short goes on", func(t *testing.T) {
		exec(t, db, "DROP TABLE tcpledger.loss SYNC")
		exec(t, db, "TRUNCATE TABLE tcpledger."+schema.MigrationsTable)
		require.NoError(t, db.Migrate(t.Context(), nil))
		exec(t, db, "SELECT lost FROM tcpledger.loss")
	})
	t.Run("inserts reach the disk", func(t *testing.T) {
		for _, table := range schema.Tables() {
			ddl := lines(t, db, "SELECT engine_full FROM system.tables WHERE database = 'tcpledger' AND name = '"+table.Name+"'")
			require.Contains(t, ddl, "fsync_after_insert = 1", table.Name)
			require.Contains(t, ddl, "fsync_part_directory = 1", table.Name)
		}
	})
}

// A step that fails half way says which statement failed, and the next start goes on from there.
func TestAMigrationThatFailsHalfWayGoesOn(t *testing.T) {
	addr, _ := clickhousetest.Start(t)
	db := open(t, addr)
	for _, s := range steps(t, db)[0].Statements {
		if strings.Contains(s.SQL, "tcpledger.events\n") || strings.HasPrefix(s.SQL, "CREATE DATABASE") {
			exec(t, db, s.SQL)
		}
	}
	exec(t, db, "ALTER TABLE tcpledger.events RENAME COLUMN length TO size") // in the way of step 2, not of step 1
	var said []string
	say := func(what string) { said = append(said, what) }
	err := db.Migrate(t.Context(), say)
	require.ErrorContains(t, err, "migration 2 (say how long a socket lingers): ALTER TABLE tcpledger.events ADD COLUMN")
	require.Equal(t, []string{"step 1: create the tables"}, said, "a step is said to be applied once it is")

	exec(t, db, "ALTER TABLE tcpledger.events RENAME COLUMN size TO length")
	said = nil
	require.NoError(t, db.Migrate(t.Context(), say))
	require.Equal(t, "step 2: say how long a socket lingers", said[0])
	require.Equal(t, "0", lines(t, db, "SELECT count() FROM tcpledger.events WHERE state_us > 0"))
}

// A database of a newer program is left alone, in one line.
func TestANewerDatabaseIsLeftAlone(t *testing.T) {
	db := migrated(t)
	exec(t, db, "INSERT INTO tcpledger.migrations (step, name) VALUES (99, 'fly to the moon')")
	exec(t, db, "DROP VIEW tcpledger.losses")
	before := ddl(t, db)
	for _, try := range []func() error{
		func() error { return db.Migrate(t.Context(), func(what string) { t.Errorf("applied %s", what) }) },
		func() error { _, err := db.Pending(t.Context()); return err },
	} {
		err := try()
		require.ErrorContains(t, err, "the database tcpledger is from a newer version of tcpledger")
		require.ErrorContains(t, err, "step 99 (fly to the moon)")
		require.NotContains(t, err.Error(), "\n")
		require.False(t, Passing(err))
	}
	require.Equal(t, before, ddl(t, db))
}

func ddl(t *testing.T, db *DB) string {
	t.Helper()
	return lines(t, db, "SELECT name, create_table_query FROM system.tables WHERE database = 'tcpledger' ORDER BY name")
}

// What is missing or different is named in one line.
func TestWhatTheTablesLackIsNamed(t *testing.T) {
	db := migrated(t)
	exec(t, db, "ALTER TABLE tcpledger.connections ADD COLUMN mine String")
	exec(t, db, "ALTER TABLE tcpledger.connections MODIFY TTL toDateTime(received_at) + INTERVAL 7 DAY DELETE")
	exec(t, db, "ALTER TABLE tcpledger.connections MODIFY COLUMN bytes_sent UInt64 CODEC(LZ4)")
	require.NoError(t, db.Verify(t.Context()), "more columns, codecs and the retention are the operator's")

	exec(t, db, "ALTER TABLE tcpledger.connections DROP COLUMN retransmits")
	exec(t, db, "ALTER TABLE tcpledger.events MODIFY COLUMN length UInt64")
	exec(t, db, "DROP TABLE tcpledger.loss SYNC")
	exec(t, db, "DROP TABLE tcpledger.hosts SYNC")
	exec(t, db, "CREATE TABLE tcpledger.hosts (host String) ENGINE = MergeTree ORDER BY host")
	err := db.Migrate(t.Context(), nil)
	require.False(t, Passing(err))
	require.NotContains(t, err.Error(), "\n")
	for _, want := range []string{"the database tcpledger is not as tcpledger needs it: ", "the column connections.retransmits is missing",
		"the type of the column length of events is UInt64, not UInt32", "the engine of hosts is MergeTree, not ReplacingMergeTree", "more"} {
		require.ErrorContains(t, err, want)
	}
	differences, err := db.differences(t.Context())
	require.NoError(t, err)
	require.Contains(t, differences, "the table loss is missing")
}

// Views are made anew when they are missing or say something else; a newer program's stay.
func TestViewsAreMadeAnew(t *testing.T) {
	db := migrated(t)
	want := lines(t, db, "SELECT as_select, comment FROM system.tables WHERE database = 'tcpledger' AND name = 'losses'")
	is := func() string {
		return lines(t, db, "SELECT as_select, comment FROM system.tables WHERE database = 'tcpledger' AND name = 'losses'")
	}
	for _, change := range []string{"DROP VIEW tcpledger.losses", "CREATE OR REPLACE VIEW tcpledger.losses AS SELECT 1",
		"CREATE OR REPLACE VIEW tcpledger.losses AS SELECT 1 COMMENT 'Other (edition 1, text 0123456789ab)'"} {
		exec(t, db, change)
		var said []string
		require.NoError(t, db.Migrate(t.Context(), func(what string) { said = append(said, what) }))
		require.Equal(t, []string{"view losses"}, said, change)
		require.Equal(t, want, is(), change)
	}
	exec(t, db, "CREATE OR REPLACE VIEW tcpledger.losses AS SELECT 1 COMMENT 'Later (edition 1000, text 0123456789ab)'")
	newer := is()
	require.NoError(t, db.Migrate(t.Context(), nil))
	require.Equal(t, newer, is())
}

// Nothing in the database says the password of the user who made it: a rotation changes nothing there.
func TestNoPasswordIsStored(t *testing.T) {
	const password = "hunter2-is-not-here"
	o := clickhousetest.Options(t)
	users := filepath.Join(o.DataDir, "users.d")
	require.NoError(t, os.MkdirAll(users, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(users, "writer.xml"), []byte("<clickhouse><users><writer><password>"+password+
		"</password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></writer></users></clickhouse>"), 0o644))
	server := clickhousetest.StartAt(t, o)
	var f Flags
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.Register(set)
	require.NoError(t, set.Parse([]string{"--clickhouse", server.Addr(), "--clickhouse-user", "writer", "--clickhouse-password", password, "--clickhouse-allow-plaintext-password"}))
	db := openAs(t, f)
	require.NoError(t, db.Migrate(t.Context(), nil))
	require.NotContains(t, ddl(t, db), "PASSWORD")
	stored := 0
	require.NoError(t, filepath.WalkDir(o.DataDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".sql" {
			return err
		}
		text, err := os.ReadFile(path)
		stored++
		require.NotContains(t, string(text), password, path)
		return err
	}))
	require.Greater(t, stored, len(schema.Tables()))
}

func TestAnOldServerIsNamed(t *testing.T) {
	for _, version := range []string{"24.8.14.39", "25.4.9.14", "21.3"} {
		err := supported(version)
		require.EqualError(t, err, fmt.Sprintf("the server is ClickHouse %s, tcpledger needs %d.%d or later", version, oldestYear, oldestRelease))
		require.False(t, Passing(err))
	}
	for _, version := range []string{"25.5.1.1", "25.8.2.29", "26.7.3.1-stable", "30.1"} {
		require.NoError(t, supported(version))
	}
	require.ErrorContains(t, supported("devel"), "no version")
}
