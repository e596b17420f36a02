// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/schema"
)

// A server without memory for anybody is waited for, with the block as it is, and said; nothing is cut into pieces that would not
// fit either.
func TestAServerShortOfMemoryIsWaitedFor(t *testing.T) {
	options := clickhousetest.Options(t)
	options.Memory = 900 << 20
	r := newRigAt(t, options)
	r.hold()
	const messages, rows = 200, 1_000
	for n := range uint64(messages) {
		r.send(schema.TopicEvents, 0, sampleBatch(t, n, 1, 0, rows/2))
	}
	run := r.startWith("g", messages*rows, 5*time.Second)
	until(t, "it is refused many times", func() bool {
		err := run.outage.Err()
		require.False(t, clickhouse.TooLarge(err), err)
		return run.total(t, "tcpledger_ingester_insert_failures_total") > 6
	})
	require.ErrorContains(t, run.outage.Err(), "the server is short of memory, waiting")
	require.NotContains(t, run.outage.Err().Error(), "halves")
	require.NotZero(t, r.lag("g"))

	require.NoError(t, r.db.Exec(t.Context(), "DROP TABLE default.hog SYNC"))
	r.eventually(messages*rows/2, "SELECT count() FROM %s.connections FINAL")
	r.eventually(messages*rows/2, "SELECT count() FROM %s.events FINAL")
	until(t, "it is over", func() bool { return run.outage.Err() == nil && r.lag("g") == 0 })
}

// hold takes the server's memory, until there is none for a block of many rows. What questions and connections need is left: an
// engine that cannot serve a connection ends.
func (r *rig) hold() {
	r.t.Helper()
	take := func(table string, size int) error {
		return r.db.Exec(r.t.Context(), "INSERT INTO default."+table+" SELECT randomString(?)", size)
	}
	for _, table := range []string{"hog", "spare"} {
		require.NoError(r.t, r.db.Exec(r.t.Context(), "CREATE TABLE default."+table+" (text String) ENGINE = Memory"))
	}
	require.NoError(r.t, take("spare", 24<<20))
	for size := 64 << 20; size >= 16<<20; size /= 2 {
		err := error(nil)
		for err == nil {
			err = take("hog", size)
		}
		require.True(r.t, clickhouse.Shortage(err), "%v", err)
	}
	require.NoError(r.t, r.db.Exec(r.t.Context(), "DROP TABLE default.spare SYNC"))
}
