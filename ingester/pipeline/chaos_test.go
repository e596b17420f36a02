// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/schema"
)

// answers of which none may change when messages are read again.
var answers = []string{
	"SELECT cityHash64(groupArray(tuple(* EXCEPT received_at))) FROM (SELECT * FROM %s.connections FINAL ORDER BY session, stream, seq)",
	"SELECT cityHash64(groupArray(tuple(* EXCEPT received_at))) FROM (SELECT * FROM %s.events FINAL ORDER BY session, stream, seq)",
	"SELECT cityHash64(groupArray(tuple(* EXCEPT received_at))) FROM (SELECT * FROM %s.loss FINAL ORDER BY ALL)",
	"SELECT cityHash64(groupArray(tuple(* EXCEPT received_at))) FROM (SELECT * FROM %s.checkpoints FINAL ORDER BY at)",
	"SELECT cityHash64(groupArray(tuple(* EXCEPT received_at))) FROM (SELECT * FROM %s.dead_letters FINAL ORDER BY topic, partition, offset)",
}

// Another group reads the whole topic again: no answer changes.
func TestReplayChangesNoAnswer(t *testing.T) {
	r := newRig(t)
	first := r.start("first")
	for p := range partitions {
		for n := range uint64(5) {
			r.send(schema.TopicEvents, p, sampleBatch(t, 1, uint32(p), n*200, 100))
		}
		e := schema.NewBatchEncoder()
		e.AddLoss(&schema.Loss{At: 1, Stream: uint32(p), SeqFrom: 1000, SeqTo: 1001, Cause: schema.LossRingFull})
		e.AddCheckpoint(&schema.Checkpoint{At: uint64(p) * 1e9, Phase: schema.CheckpointEnd, Streams: []uint32{uint32(p)}, Next: []uint64{1002},
			Names: []string{"own_connection", "over_budget_drop", "drops_ignored", "recursion_misses_on_drop", "state_map_full", "stacks_taken"}, Totals: []uint64{6, 5, 4, 3, 2, 1}})
		r.send(schema.TopicEvents, p, finish(t, e, sampleHeader(1)), []byte("garbage"))
	}
	r.eventually(partitions*500, "SELECT count() FROM %s.connections FINAL")
	r.eventually(partitions, "SELECT count() FROM %s.dead_letters FINAL")
	first.stop(t)
	before := make([]uint64, len(answers))
	for i, q := range answers {
		before[i] = r.number(q)
	}
	for _, table := range schema.Tables() { // the replayed rows stay beside the first
		require.NoError(t, r.db.Exec(t.Context(), "SYSTEM STOP MERGES "+r.db.Name+"."+table.Name))
	}
	r.start("second")
	r.eventually(2*partitions, "SELECT count() FROM %s.dead_letters SETTINGS final = 0")
	r.eventually(2*partitions*500, "SELECT count() FROM %s.connections SETTINGS final = 0")
	for i, q := range answers {
		require.Equal(t, before[i], r.number(q), q)
	}
}

// ClickHouse is killed again and again while messages flow; every row is there exactly once.
func TestClickHouseIsKilled(t *testing.T) {
	r := newRig(t)
	run := r.start("g")
	const rounds, batches, rows = 4, 10, 50
	for round := range rounds {
		for b := range batches {
			r.send(schema.TopicEvents, b, sampleBatch(t, uint64(round), uint32(b), 0, rows))
		}
		r.eventually(uint64(round*batches*rows+1), "SELECT least(count(), "+strconv.Itoa(round*batches*rows+1)+") FROM %s.connections FINAL")
		require.NoError(t, r.engine.Kill())
		r.send(schema.TopicEvents, 0, sampleBatch(t, uint64(round), 100, 0, rows))
		r.engine = clickhousetest.StartAt(t, r.options)
	}
	const want = rounds * (batches + 1) * rows
	r.eventually(want, "SELECT count() FROM %s.connections FINAL")
	r.eventually(want, "SELECT count() FROM %s.events FINAL")
	r.eventually(want, "SELECT uniqExact(session, stream, seq) FROM %s.connections FINAL")
	run.stop(t)
	require.Equal(t, uint64(0), r.lag("g"), "all is committed")
}

// A clean stop commits what it stored: nothing is left to read.
func TestStopCommits(t *testing.T) {
	r := newRig(t)
	r.send(schema.TopicEvents, 1, sampleBatch(t, 1, 1, 0, 10))
	run := r.start("g")
	r.eventually(10, "SELECT count() FROM %s.connections FINAL")
	run.stop(t)
	require.Zero(t, r.lag("g"))
	require.Equal(t, uint64(10), r.number("SELECT count() FROM %s.connections SETTINGS final = 0"), "stored once")
}

// A server that refuses the rows for a reason that does not pass by itself: the ingester stays alive, says why and commits
// nothing. It stores the rows once somebody mended the table.
func TestRefusalIsWaitedFor(t *testing.T) {
	r := newRig(t)
	require.NoError(t, r.db.Exec(t.Context(), "ALTER TABLE "+r.db.Name+".connections DROP COLUMN cause"))
	r.send(schema.TopicEvents, 1, sampleBatch(t, 1, 1, 0, 10))
	run := r.start("g")
	until(t, "it is refused many times", func() bool { return run.total(t, "tcpledger_ingester_insert_failures_total") > 6 })
	require.ErrorContains(t, run.outage.Err(), "insert 10 rows into connections")
	require.ErrorContains(t, run.outage.Err(), "cause")
	require.NotZero(t, r.lag("g"))
	require.NoError(t, r.db.Exec(t.Context(), "ALTER TABLE "+r.db.Name+".connections ADD COLUMN cause LowCardinality(String)"))
	r.eventually(10, "SELECT count() FROM %s.connections FINAL WHERE cause = 'peer_reset'")
	until(t, "it is over", func() bool { return run.outage.Err() == nil })
}

// A block that takes more memory than the writer may use is sent in halves until it fits, and the next flush begins with what
// fitted.
func TestBlockTooLargeForTheServer(t *testing.T) {
	r := newRig(t)
	r.memory = 40 << 20
	const messages, rows = 100, 1_000
	for n := range uint64(messages) {
		r.send(schema.TopicEvents, 0, sampleBatch(t, n, 1, 0, rows/2))
	}
	run := r.startWith("g", messages*rows, 5*time.Second)
	until(t, "it is said which of the two it is", func() bool { return r.said.contains("it is sent in halves: insert") })
	require.False(t, r.said.contains("short of memory"))
	r.eventually(messages*rows/2, "SELECT count() FROM %s.connections FINAL")
	r.eventually(messages*rows/2, "SELECT count() FROM %s.events FINAL")
	require.Positive(t, run.total(t, "tcpledger_ingester_insert_failures_total"), "else the limit is not what is tested")
	require.Less(t, run.total(t, "tcpledger_ingester_insert_failures_total"), 20.0)
	until(t, "it is over", func() bool { return run.outage.Err() == nil && r.lag("g") == 0 })
}

// Rows of more days than a table has open are stored all the same, each day in an insert of its own.
func TestRowsOfManyDays(t *testing.T) {
	r := newRig(t)
	r.start("g")
	for day := range uint64(40) {
		e := schema.NewBatchEncoder()
		e.AddConnection(sampleConnection(1, day, float64(day)*86_400+1))
		r.send(schema.TopicEvents, 0, finish(t, e, sampleHeader(1)))
	}
	r.eventually(40, "SELECT count() FROM %s.connections FINAL")
	require.Equal(t, uint64(40), r.number("SELECT uniqExact(toDate(closed_at)) FROM %s.connections"))
}

// lag counts the messages of a group that are not committed.
func (r *rig) lag(group string) uint64 {
	r.t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(r.brokers...)}
	ids := make([]int, partitions)
	var ends []kafka.OffsetRequest
	for i := range ids {
		ids[i] = i
		ends = append(ends, kafka.LastOffsetOf(i))
	}
	committed, err := client.OffsetFetch(r.t.Context(), &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{schema.TopicEvents: ids}})
	require.NoError(r.t, err)
	last, err := client.ListOffsets(r.t.Context(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{schema.TopicEvents: ends}})
	require.NoError(r.t, err)
	var lag int64
	for _, p := range last.Topics[schema.TopicEvents] {
		lag += p.LastOffset
	}
	for _, p := range committed.Topics[schema.TopicEvents] {
		lag -= max(p.CommittedOffset, 0)
	}
	return uint64(lag)
}
