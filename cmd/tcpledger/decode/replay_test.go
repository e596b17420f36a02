// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/vmihailenco/msgpack/v5"

	"tcpledger/internal/clickhouse"
	"tcpledger/query"
	"tcpledger/schema"
	"tcpledger/test/tables"
	"tcpledger/test/wait"
)

// ofTheFuture is the golden batch with a row of a kind that this version does not know.
func ofTheFuture(t *testing.T) []byte {
	t.Helper()
	var generic []any
	require.NoError(t, msgpack.Unmarshal(goldenMessage(t), &generic))
	rows := len(generic) - 1
	generic[rows] = append(generic[rows].([]any), []any{200, 3, 99})
	generic[6].([]any)[0] = time.Now().Add(-24 * time.Hour).UnixNano() // the golden batch's clock is of another year
	message, err := msgpack.Marshal(generic)
	require.NoError(t, err)
	return message
}

// dated is a batch of one row whose clock was at wall.
func dated(t *testing.T, wall time.Time) []byte {
	t.Helper()
	e := schema.NewBatchEncoder()
	e.AddConnection(&schema.Connection{})
	message, _, err := e.Finish(&schema.Header{Host: "web-1", BootID: "6f1c9a3e-0000-4000-8000-000000000001", Clock: schema.Clock{Offset: wall.UnixNano()}})
	require.NoError(t, err)
	return message
}

func insertLetter(t *testing.T, db *clickhouse.DB, offset int, topic, host, reason string, message []byte) {
	t.Helper()
	for range 2 { // a replay of the topic writes it again
		tables.Exec(t, db, fmt.Sprintf("INSERT INTO dead_letters (received_at, topic, partition, offset, reason, host, key, message) VALUES (now64(6), '%s', 0, %d, '%s', '%s', '%s', unhex('%s'))",
			topic, offset, reason, host, host, hex.EncodeToString(message)))
	}
}

func TestReplay(t *testing.T) {
	ch, db := tables.Start(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, schema.TopicEvents, schema.TopicBuilds))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	broker := cluster.ListenAddrs()[0]
	both := []string{"--replay", "--clickhouse", ch.Addr, "--brokers", broker}

	code, out, errs := run(t, "", both...)
	require.Zero(t, code, errs)
	require.Equal(t, "no dead letters\n", out)

	good := dated(t, time.Now())
	insertLetter(t, db, 1, schema.TopicEvents, "web-1", "rows of an unknown kind", good)
	insertLetter(t, db, 2, schema.TopicEvents, "web-1", "rows of an unknown kind", ofTheFuture(t))
	insertLetter(t, db, 3, schema.TopicEvents, "web-1", "times", dated(t, time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)))
	insertLetter(t, db, 4, schema.TopicEvents, "", "garbage", []byte("\x1b[2Jgarbage"))
	build, err := schema.EncodeBuild(&schema.Build{BuildID: "ab", Module: "kernel", Pieces: 1})
	require.NoError(t, err)
	insertLetter(t, db, 5, schema.TopicBuilds, "ab", "malformed", build)

	code, out, errs = run(t, "", both...)
	require.Zero(t, code, errs)
	golden(t, "replay.txt", out)
	require.Empty(t, sent(t, broker, schema.TopicEvents), "without --apply nothing is sent")

	code, out, errs = run(t, "", append(both, "--apply", "--host", "web-1", "--from", "-1h")...)
	require.Zero(t, code, errs)
	require.Contains(t, out, "\n1 of 3 dead letters were sent to their topics\n")
	require.Equal(t, []kafka.Message{{Key: []byte("web-1"), Value: good}}, sent(t, broker, schema.TopicEvents))
	require.Empty(t, sent(t, broker, schema.TopicBuilds))

	for range 3 { // what was sent is not sent again
		code, out, errs = run(t, "", append(both, "--apply", "--host", "web-1", "--from", "-1h")...)
		require.Zero(t, code, errs)
		require.Contains(t, out, "\n0 of 3 dead letters were sent to their topics; 1 were sent before\n")
		require.Len(t, sent(t, broker, schema.TopicEvents), 1)
	}

	code, out, errs = run(t, "", append(both, "--apply", "--from", "-2h", "--to", "-1h")...)
	require.Zero(t, code, errs)
	require.Equal(t, "no dead letters\n", out)

	code, _, errs = run(t, "", "--replay", "--apply", "--clickhouse", ch.Addr, "--brokers", "127.0.0.1:1")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "send dead letters again")
}

// sent lists the keys and values on all partitions of a topic.
func sent(t *testing.T, broker, topic string) []kafka.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait.Long)
	defer cancel()
	var out []kafka.Message
	for partition := range 3 {
		conn, err := kafka.DialLeader(ctx, "tcp", broker, topic, partition)
		require.NoError(t, err)
		first, last, err := conn.ReadOffsets()
		require.NoError(t, err)
		for range last - first {
			m, err := conn.ReadMessage(1 << 20)
			require.NoError(t, err)
			out = append(out, kafka.Message{Key: m.Key, Value: m.Value})
		}
		require.NoError(t, conn.Close())
	}
	return out
}

// However many reasons there are, the report stays short.
func TestReplayGroups(t *testing.T) {
	r := newReplay(time.Now(), func(context.Context, []kafka.Message) error { return nil }, func(context.Context, []query.DeadLetter) error { return nil })
	for i := range 1000 {
		require.NoError(t, r.one(t.Context(), &query.DeadLetter{Topic: schema.TopicEvents, Reason: fmt.Sprintf("byte %d", i), Message: "x"}))
	}
	var out strings.Builder
	require.NoError(t, r.report(&out, false))
	require.Contains(t, out.String(), "0 of 1000 dead letters are understood")
	require.Less(t, strings.Count(out.String(), "\n"), maxGroups+5)
}
