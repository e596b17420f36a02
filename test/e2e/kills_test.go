// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/devstack/kafka/kafkatest"
	"tcpledger/query"
	"tcpledger/schema"
	"tcpledger/test/lab"
)

// requireComplete proves that the tables hold every number that the checkpoints promise, exactly once.
func (c *chain) requireComplete() {
	c.t.Helper()
	everything := query.Window{From: time.Unix(0, 0), To: time.Now().Add(time.Hour)}
	sessions, err := query.New(c.db, schema.Database, time.Minute).Proof(c.t.Context(), everything, query.Filter{})
	require.NoError(c.t, err)
	require.NotEmpty(c.t, sessions)
	for _, s := range sessions {
		require.NotZero(c.t, s.Promised)
		require.True(c.t, s.Complete(), "%+v", s)
	}
	c.requireAudit(sessions)
}

// requireAudit asks the audit for the same, which counts in another way.
func (c *chain) requireAudit(sessions []query.Proof) {
	c.t.Helper()
	everything := query.Window{From: time.Now().Add(-time.Hour), To: time.Now()}
	audit, err := query.New(c.db, schema.Database, time.Minute).Audit(c.t.Context(), everything, query.Filter{}, query.AuditOptions{Now: time.Now(), Everywhere: true})
	require.NoError(c.t, err)
	require.Len(c.t, audit.Sessions, len(sessions))
	var promised uint64
	for _, s := range sessions {
		promised += s.Promised
	}
	total := &audit.Total
	require.Equal(c.t, promised, total.Promised)
	require.Equal(c.t, promised, total.Held(), "%+v", audit.Findings)
	require.Zero(c.t, total.Missing+total.Twice+total.DeadLetters+total.Beyond, "%+v", audit.Findings)
}

// requireTamperingIsFound doubles a row of the agent and then deletes both, and asks the audit after each.
func (c *chain) requireTamperingIsFound() {
	c.t.Helper()
	audit := func() *query.Audit {
		w := query.Window{From: time.Now().Add(-time.Hour), To: time.Now()}
		a, err := query.New(c.db, schema.Database, time.Minute).Audit(c.t.Context(), w, query.Filter{}, query.AuditOptions{Now: time.Now().Add(time.Hour)})
		require.NoError(c.t, err)
		return a
	}
	var session, seq uint64
	var stream uint32
	require.NoError(c.t, c.db.QueryRow(c.t.Context(), "SELECT session, stream, seq FROM tcpledger.connections FINAL ORDER BY seq DESC LIMIT 1").Scan(&session, &stream, &seq))
	row := fmt.Sprintf("session = %d AND stream = %d AND seq = %d", session, stream, seq)
	require.NoError(c.t, c.db.Exec(c.t.Context(), "INSERT INTO tcpledger.connections SELECT * REPLACE (closed_at + toIntervalSecond(1) AS closed_at) FROM tcpledger.connections FINAL WHERE "+row))
	a := audit()
	require.Equal(c.t, query.Incomplete, a.Verdict)
	require.Equal(c.t, []uint64{0, 1}, []uint64{a.Total.Missing, a.Total.Twice}, "%+v", a.Findings)

	require.NoError(c.t, c.db.Exec(c.t.Context(), "DELETE FROM tcpledger.connections WHERE "+row))
	a = audit()
	require.Equal(c.t, query.Incomplete, a.Verdict)
	require.Equal(c.t, []uint64{1, 0}, []uint64{a.Total.Missing, a.Total.Twice}, "%+v", a.Findings)
}

// TestKills kills every part with SIGKILL under load. Afterwards every number is in its table exactly once, and every ending
// that happened has its row.
func TestKills(t *testing.T) {
	const storm = 1_500
	engine := clickhousetest.Options(t)
	server := clickhousetest.StartAt(t, engine)
	broker := kafkatest.New(t)
	run(t, "tcpledger", "topics", "--apply", "--brokers", broker.Addr(), "--partitions", "2")
	c := &chain{t: t, broker: broker.Addr(), clickhouse: server.Addr()}
	c.startIngester()
	c.open()
	c.startAgent(roomy...)
	l := lab.New(t)
	actor := l.A.Actor(t, "storm")
	for _, kill := range []func(){
		func() {},
		func() { broker.Kill9(); actor.Storm(l.A.IPv4, storm); broker.Restart() },
		func() { c.ingester.kill(); actor.Storm(l.A.IPv6, storm); c.startIngester() },
		func() { // again and again, in the middle of what it is at
			actor.Storm(l.A.IPv6, storm)
			for range 4 {
				c.ingester.kill()
				c.startIngester()
			}
		},
		func() {
			require.NoError(t, server.Kill())
			actor.Storm(l.A.IPv4, storm)
			server = clickhousetest.StartAt(t, engine)
		},
		func() {
			broker.Kill9()
			c.ingester.kill()
			require.NoError(t, server.Kill())
			actor.Storm(l.A.IPv4, storm)
			server = clickhousetest.StartAt(t, engine)
			broker.Restart()
			c.startIngester()
		},
	} {
		actor.Storm(l.A.IPv4, storm)
		kill()
	}
	c.agent.stop()
	c.eventually(2*11*storm, "SELECT count() FROM tcpledger.connections WHERE netns_cookie = ?", l.A.Cookie(t))
	c.eventually(1, "SELECT count() FROM tcpledger.checkpoints WHERE phase = 'end'")
	c.requireComplete()
	require.Zero(t, c.count("SELECT count() FROM tcpledger.loss WHERE cause != ?", schema.LossRingFull), "the queue outlived it all")
	require.Equal(t, uint64(11*storm), c.count("SELECT count() FROM tcpledger.connections WHERE cause = 'linger_abort' AND netns_cookie = ?", l.A.Cookie(t)))
	require.Equal(t, uint64(11*storm), c.count("SELECT count() FROM tcpledger.connections WHERE cause = 'peer_reset' AND netns_cookie = ?", l.A.Cookie(t)))
	c.requireRollups()
	c.ingester.stop()
}

// TestReplay stores the whole topic a second time: no answer changes.
func TestReplay(t *testing.T) {
	broker := kafkatest.New(t)
	c := newChain(t, broker.Addr())
	c.startAgent(roomy...)
	l := lab.New(t)
	l.A.Actor(t, "storm").Storm(l.A.IPv4, 300)
	c.agent.stop()
	c.eventually(600, "SELECT count() FROM tcpledger.connections WHERE netns_cookie = ?", l.A.Cookie(t))
	c.eventually(1, "SELECT count() FROM tcpledger.checkpoints WHERE phase = 'end'")
	connections, events := c.count("SELECT count() FROM tcpledger.connections"), c.count("SELECT count() FROM tcpledger.events")
	c.ingester.stop()
	require.NoError(t, c.db.Exec(t.Context(), "SYSTEM STOP MERGES tcpledger.connections")) // both rows of an identity stay to be counted
	began := time.Now()
	c.startIngester("--kafka-group", "replay")
	c.eventually(connections, "SELECT count() FROM tcpledger.connections WHERE received_at > fromUnixTimestamp64Micro(?) SETTINGS final = 0", began.UnixMicro()) // each row came again
	require.NoError(t, c.db.Exec(t.Context(), "SYSTEM START MERGES tcpledger.connections"))
	require.Zero(t, c.count("SELECT count() FROM tcpledger.connections WHERE received_at > fromUnixTimestamp64Micro(?)", began.UnixMicro()), "the first row stays")
	require.Equal(t, connections, c.count("SELECT count() FROM tcpledger.connections"))
	require.Equal(t, events, c.count("SELECT count() FROM tcpledger.events"))
	c.requireComplete()
	c.requireRollups()
	c.requireTamperingIsFound()
}
