// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/schema"
	"tcpledger/test/wait"
)

// Of the rows of one identity the one that was received first stays, whichever insert or block it came in.
func TestTheFirstRowOfAnIdentityStays(t *testing.T) {
	db := migrated(t)
	for table, says := range map[string]string{"connections": "cause", "events": "reason", "loss": "cause", "checkpoints": "phase"} {
		at := "at"
		if table == "connections" {
			at = "closed_at"
		}
		insert := fmt.Sprintf("INSERT INTO tcpledger.%s (%s, host, session, %s, received_at) VALUES ", table, at, says)
		row := func(session int, says string, received int) string {
			return fmt.Sprintf("('2026-03-04 10:00:00', 'h', %d, '%s', '2026-11-04 10:00:0%d.000001')", session, says, received)
		}
		exec(t, db, insert+row(1, "true", 1))
		exec(t, db, insert+row(1, "forged", 2))
		exec(t, db, insert+row(2, "true", 1)+", "+row(2, "forged", 2)) // in one block
		exec(t, db, insert+row(3, "forged", 2))
		exec(t, db, insert+row(3, "true", 1)) // a slow ingester's
		want := "1 true\n2 true\n3 true"
		ask := fmt.Sprintf("SELECT session, %s FROM tcpledger.%s ORDER BY session", says, table)
		require.Equal(t, want, lines(t, db, ask), table)
		exec(t, db, "OPTIMIZE TABLE tcpledger."+table+" FINAL")
		require.Equal(t, want, lines(t, db, ask+" SETTINGS final = 0"), table)
	}
}

// A topic that was made anew has other messages at the same offsets: their dead letters stay beside the older ones.
func TestDeadLettersOfATopicMadeAnew(t *testing.T) {
	db := migrated(t)
	for _, message := range []string{"of before", "of before", "of now"} {
		exec(t, db, "INSERT INTO tcpledger.dead_letters (topic, partition, offset, message, received_at) VALUES ('t', 1, 7, '"+message+"', now64(6))")
	}
	require.Equal(t, "of before\nof now", lines(t, db, "SELECT message FROM tcpledger.dead_letters ORDER BY message"))
}

// ofStep makes a database as it was after a step, with rows in it.
func ofStep(t *testing.T, addr, name string, step int) (db *DB, rows []written, before map[string]string) {
	t.Helper()
	db = openAs(t, Flags{Addr: addr, Database: name})
	for _, m := range steps(t, db)[:step] {
		require.NoError(t, db.apply(t.Context(), m))
	}
	rows, before = writes(t, db, 1), map[string]string{}
	for _, w := range rows {
		exec(t, db, w.insert)
		before[w.table] = contents(t, db, w)
	}
	return db, rows, before
}

// The step that makes tables anew loses no row wherever it is cut short.
func TestTheStepCutShortAnywhereGoesOn(t *testing.T) {
	addr, _ := clickhousetest.Start(t)
	const made, last = 4, 10 // the first table's statements, from the one that makes the new table
	step := steps(t, open(t, addr))[2]
	for cut := made; cut <= last; cut++ {
		db, rows, before := ofStep(t, addr, fmt.Sprintf("cut_%d", cut), 2)
		for _, s := range steps(t, db)[2].Statements[:cut] {
			require.NoError(t, db.run(t.Context(), s))
		}
		require.NoError(t, db.Migrate(t.Context(), nil))
		for _, w := range rows {
			require.Equal(t, before[w.table], contents(t, db, w), "%s after %d statements of step %s", w.table, cut, step.Name)
		}
		require.Equal(t, "0", lines(t, db, "SELECT count() FROM system.tables WHERE database = '"+db.Name+"' AND name LIKE '%step%'"))
	}
}

// Ingesters of the step before write while several programs migrate: each row that the server acknowledged is there once, and
// no insert is refused for good.
func TestRowsThatComeDuringTheStep(t *testing.T) {
	addr, _ := clickhousetest.Start(t)
	db, _, _ := ofStep(t, addr, schema.Database, 2)
	exec(t, db, "TRUNCATE TABLE tcpledger.connections")
	ctx, stop := context.WithCancel(t.Context())
	var ingesters, migrators errgroup.Group
	var inserted [2]int
	for i := range inserted {
		ingester := open(t, addr)
		ingesters.Go(func() error {
			for ctx.Err() == nil {
				err := ingester.Exec(t.Context(), fmt.Sprintf("INSERT INTO tcpledger.connections (closed_at, host, seq, received_at) VALUES ('2026-03-04 10:00:00', 'h%d', %d, now64(6))", i, inserted[i]))
				switch {
				case err == nil:
					inserted[i]++
				case !Passing(err): // an ingester repeats what passes
					return err
				}
			}
			return nil
		})
	}
	// One insert takes the table's old form with it and ends long after.
	slow := open(t, addr)
	ingesters.Go(func() error {
		return slow.Exec(t.Context(), `INSERT INTO tcpledger.connections (closed_at, host, seq, received_at)
			SELECT toDateTime64('2026-03-04 10:00:00', 6, 'UTC'), 'slow', number + sleepEachRow(0.5), now64(6) FROM numbers(6)`)
	})
	require.Eventually(t, func() bool {
		return lines(t, db, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT%sleepEachRow(0.5)%' AND elapsed > 0.3") == "1"
	}, wait.Long, 50*time.Millisecond)
	for range 3 {
		migrator := open(t, addr)
		migrators.Go(func() error { return migrator.Migrate(t.Context(), nil) })
	}
	require.NoError(t, migrators.Wait())
	stop()
	require.NoError(t, ingesters.Wait())
	require.Positive(t, inserted[0])
	require.Equal(t, fmt.Sprintf("h0 %d\nh1 %d\nslow 6", inserted[0], inserted[1]),
		lines(t, db, "SELECT host, count() FROM tcpledger.connections GROUP BY host ORDER BY host"))
	require.Equal(t, "0", lines(t, db, "SELECT count() FROM system.tables WHERE database = 'tcpledger' AND name LIKE '%step%'"))
}

// A later row that differs is counted, and so is one of the same number at another time; a row that comes again is none.
func TestConflicts(t *testing.T) {
	db := migrated(t)
	exec(t, db, "SYSTEM STOP MERGES")
	insert := "INSERT INTO tcpledger.connections (closed_at, host, session, seq, cause, received_at) VALUES ('2026-03-04 10:0%d:00', 'h', 1, %d, '%s', now64(6))"
	for seq, cause := range []string{"again", "replaced", "moved", "alone"} {
		exec(t, db, fmt.Sprintf(insert, 0, seq, cause))
	}
	exec(t, db, fmt.Sprintf(insert, 0, 0, "again"))
	exec(t, db, fmt.Sprintf(insert, 0, 1, "forged"))
	exec(t, db, fmt.Sprintf(insert, 6, 2, "forged"))
	exec(t, db, "INSERT INTO tcpledger.events (at, host, session, seq, kind, received_at) VALUES ('2026-03-04 10:00:00', 'h', 1, 1, 'drop', now64(6))")
	exec(t, db, "INSERT INTO tcpledger.events (at, host, session, seq, kind, received_at) VALUES ('2026-03-04 10:00:00', 'h', 1, 1, 'error', now64(6))")
	require.Equal(t, "connections 1 2\nconnections 2 2\nevents 1 2",
		lines(t, db, "SELECT claimed_in, seq, versions FROM tcpledger.conflicts(from = '2026-03-04 10:00:00', to = '2026-03-04 10:15:00') ORDER BY ALL"))
}
