// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"context"
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tcpledger/internal/program"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/schema"
	"tcpledger/test/logged"
	"tcpledger/test/wait"
)

const maxWait = wait.Long

func newCluster(t *testing.T, options ...kfake.Opt) []string {
	t.Helper()
	cluster, err := kfake.NewCluster(append(options, kfake.NumBrokers(1))...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()
}

func newConsumer(t *testing.T, brokers []string, group string, topics ...string) (*Consumer, *logged.Text) {
	t.Helper()
	flags := kafkaconn.Flags{Brokers: brokers}
	transport, err := flags.Transport("test")
	require.NoError(t, err)
	dialer, err := flags.Dialer("test")
	require.NoError(t, err)
	lines := &logged.Text{}
	log := slog.New(slog.NewTextHandler(lines, nil))
	c := New(Config{Brokers: brokers, Group: group, Topics: topics, MaxBatch: 64 << 20, Transport: transport, Dialer: dialer, Log: log,
		Outage: program.NewOutage(log, "kafka"), Registry: prometheus.NewRegistry()})
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c, lines
}

func next(t *testing.T, c *Consumer) *Generation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), maxWait)
	defer cancel()
	g, err := c.Next(ctx)
	require.NoError(t, err)
	return g
}

func receive(t *testing.T, g *Generation) Message {
	t.Helper()
	select {
	case m := <-g.Messages():
		return m
	case <-g.Ended().Done():
		require.FailNow(t, "the generation ended")
	case <-time.After(maxWait):
		require.FailNow(t, "no message")
	}
	return Message{}
}

func send(t *testing.T, brokers []string, topic string, messages ...kafka.Message) {
	t.Helper()
	w := kafka.Writer{Addr: kafka.TCP(brokers...), Topic: topic, RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, BatchSize: 1, Transport: &kafka.Transport{}}
	require.NoError(t, w.WriteMessages(t.Context(), messages...))
	require.NoError(t, w.Close())
}

// deleteBefore does to partition 0 what retention does.
func deleteBefore(t *testing.T, brokers []string, topic string, offset int64) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	defer client.Close()
	request := kmsg.NewPtrDeleteRecordsRequest()
	of, partition := kmsg.NewDeleteRecordsRequestTopic(), kmsg.NewDeleteRecordsRequestTopicPartition()
	of.Topic, partition.Offset = topic, offset
	of.Partitions = append(of.Partitions, partition)
	request.Topics = append(request.Topics, of)
	response, err := request.RequestWith(t.Context(), client)
	require.NoError(t, err)
	require.Zero(t, response.Topics[0].Partitions[0].ErrorCode)
}

func sent(at time.Time) []kafka.Header {
	return []kafka.Header{{Key: schema.HeaderSentAt, Value: binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano()))}}
}

// Missing topics are waited for, not made: the broker here would make none anyway, one with auto.create would make bad ones.
func TestMissingTopicsAreWaitedFor(t *testing.T) {
	brokers := newCluster(t, kfake.SeedTopics(1, "there"), kfake.AllowAutoTopicCreation())
	c, lines := newConsumer(t, brokers, "g", "there", "not-yet")
	joined := make(chan *Generation, 1)
	go func() {
		if g, err := c.Next(t.Context()); err == nil {
			joined <- g
		}
	}()
	require.Eventually(t, func() bool { return lines.Count("tcpledger topics --apply") == 1 }, maxWait, 10*time.Millisecond)
	require.ErrorContains(t, c.config.Outage.Err(), "not-yet")
	client := kafka.Client{Addr: kafka.TCP(brokers...)}
	made, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: "not-yet", NumPartitions: 3, ReplicationFactor: 1}}})
	require.NoError(t, err)
	require.NoError(t, made.Errors["not-yet"], "nobody made it before")
	select {
	case g := <-joined:
		require.Equal(t, 4, g.Partitions())
	case <-time.After(maxWait):
		t.Fatal("it does not join")
	}
	require.Equal(t, 1, lines.Count("tcpledger topics --apply"), "said once")
	require.NoError(t, c.config.Outage.Err())
}

// A generation that ended hands on nothing more, and the next one begins after what was committed.
func TestRebalanceReadsTheUncommittedAgain(t *testing.T) {
	brokers := newCluster(t, kfake.SeedTopics(1, "t"))
	send(t, brokers, "t", kafka.Message{Key: []byte("k"), Value: []byte("0")}, kafka.Message{Value: []byte("1")}, kafka.Message{Value: []byte("2")})
	c, _ := newConsumer(t, brokers, "g", "t")
	g := next(t, c)
	first := receive(t, g)
	require.Equal(t, Message{Topic: "t", Key: []byte("k"), Value: []byte("0")}, first, "from the beginning, for a new group")
	require.NoError(t, g.Commit(map[string]map[int]int64{"t": {0: 1}}))
	require.Equal(t, 2.0, testutil.ToFloat64(c.metrics.lag.WithLabelValues("t", "0")))
	require.Equal(t, int64(1), receive(t, g).Offset) // not committed

	require.NoError(t, c.Close())
	<-g.Ended().Done()
	require.Error(t, g.Commit(map[string]map[int]int64{"t": {0: 2}}), "it is somebody else's now")
	require.Equal(t, 1.0, testutil.ToFloat64(c.metrics.commitErrors))
	again := next(t, c)
	require.Equal(t, int64(1), receive(t, again).Offset)
	require.Equal(t, int64(2), receive(t, again).Offset)
}

// Retention deleted what was to be read next: that is said, counted and handed on as offsets, and reading goes on.
func TestDeletedMessagesAreCounted(t *testing.T) {
	brokers := newCluster(t, kfake.SeedTopics(1, "t"))
	send(t, brokers, "t", kafka.Message{Value: []byte("0")}, kafka.Message{Value: []byte("1")}, kafka.Message{Value: []byte("2")}, kafka.Message{Value: []byte("3")})
	c, lines := newConsumer(t, brokers, "g", "t")
	g := next(t, c)
	receive(t, g)
	require.NoError(t, g.Commit(map[string]map[int]int64{"t": {0: 1}}))
	require.NoError(t, c.Close())

	deleteBefore(t, brokers, "t", 3)
	g = next(t, c)
	deleted := receive(t, g)
	require.ErrorIs(t, deleted.Unreadable, ErrDeleted)
	require.Equal(t, []int64{1, 2}, []int64{deleted.Offset, deleted.Last})
	require.Empty(t, deleted.Value)
	require.Equal(t, int64(3), receive(t, g).Offset)
	require.Equal(t, 2.0, testutil.ToFloat64(c.metrics.skipped.WithLabelValues("t")))
	require.Equal(t, 1, lines.Count("messages were deleted before they were read"))
}

// The marks of somebody's transactions take offsets without being messages: they are passed over and not asked for again.
func TestMarksOfTransactionsArePassedOver(t *testing.T) {
	brokers := newCluster(t, kfake.SeedTopics(1, "t"))
	producer, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID("a"), kgo.DefaultProduceTopic("t"))
	require.NoError(t, err)
	defer producer.Close()
	for _, value := range []string{"0", "2"} {
		require.NoError(t, producer.BeginTransaction())
		require.NoError(t, producer.ProduceSync(t.Context(), kgo.StringRecord(value)).FirstErr())
		require.NoError(t, producer.EndTransaction(t.Context(), kgo.TryCommit))
	}
	c, lines := newConsumer(t, brokers, "g", "t")
	p := &partition{generation: &Generation{consumer: c, messages: make(chan Message, 2), ended: t.Context()}, topic: "t",
		lag: c.metrics.lag.WithLabelValues("t", "0")}
	require.NoError(t, p.fetch(t.Context()))
	require.Equal(t, int64(0), (<-p.generation.messages).Offset)
	require.Equal(t, int64(2), (<-p.generation.messages).Offset)
	require.Equal(t, int64(4), p.next, "past the last mark")
	require.Zero(t, testutil.ToFloat64(c.metrics.skipped.WithLabelValues("t")))
	require.Zero(t, lines.Count("deleted"))
}

// A topic that was made anew is shorter than what was committed of the old one: it is read from its beginning.
func TestTopicMadeAnewIsRead(t *testing.T) {
	brokers := newCluster(t, kfake.SeedTopics(1, "t"))
	send(t, brokers, "t", kafka.Message{Value: []byte("0")})
	c, lines := newConsumer(t, brokers, "g", "t")
	g := next(t, c)
	receive(t, g)
	require.NoError(t, g.Commit(map[string]map[int]int64{"t": {0: 70}}))
	require.NoError(t, c.Close())
	require.Equal(t, int64(0), receive(t, next(t, c)).Offset)
	require.Equal(t, 1, lines.Count("the partition is shorter"))
}

// A topic that was made anew and is longer than what was committed of the old one is read from its beginning too, also while
// somebody reads it.
func TestLongerTopicMadeAnewIsRead(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	brokers := cluster.ListenAddrs()
	remake := func(messages ...kafka.Message) {
		client := kafka.Client{Addr: kafka.TCP(brokers...)}
		deleted, err := client.DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{"t"}})
		require.NoError(t, err)
		require.NoError(t, deleted.Errors["t"])
		made, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: "t", NumPartitions: 1, ReplicationFactor: 1}}})
		require.NoError(t, err)
		require.NoError(t, made.Errors["t"])
		send(t, brokers, "t", messages...)
	}
	commitAt := func(offset int64, id string) { // as an older ingester, or one of the old topic
		client := kafka.Client{Addr: kafka.TCP(brokers...)}
		answer, err := client.OffsetCommit(t.Context(), &kafka.OffsetCommitRequest{GroupID: "g", GenerationID: -1,
			Topics: map[string][]kafka.OffsetCommit{"t": {{Offset: offset, Metadata: id}}}})
		require.NoError(t, err)
		require.NoError(t, answer.Topics["t"][0].Error)
	}
	send(t, brokers, "t", kafka.Message{Value: []byte("old 0")}, kafka.Message{Value: []byte("old 1")})
	c, lines := newConsumer(t, brokers, "g", "t")
	g := next(t, c)
	require.Equal(t, "old 0", string(receive(t, g).Value))
	require.NoError(t, g.Commit(map[string]map[int]int64{"t": {0: 1}}))
	old := g.origins.current["t"]
	require.Len(t, old, 32)
	require.NoError(t, c.Close())

	remake(kafka.Message{Value: []byte("new 0")}, kafka.Message{Value: []byte("new 1")}, kafka.Message{Value: []byte("new 2")})
	commitAt(1, old) // a broker may keep the offsets of a topic that is gone
	g = next(t, c)
	require.Equal(t, "new 0", string(receive(t, g).Value))
	require.Equal(t, 1, lines.Count("made anew since its offset was committed"))
	require.NoError(t, g.Commit(map[string]map[int]int64{"t": {0: 1}}))
	require.NoError(t, c.Close())

	g = next(t, c)
	require.Equal(t, "new 1", string(receive(t, g).Value), "its own offset is believed")
	remake(kafka.Message{Value: []byte("newest 0")}, kafka.Message{Value: []byte("newest 1")}, kafka.Message{Value: []byte("newest 2")})
	<-g.Ended().Done() // it notices within seconds
	require.NoError(t, c.Close())
	commitAt(1, g.origins.current["t"])
	require.Equal(t, "newest 0", string(receive(t, next(t, c)).Value))
	require.NoError(t, c.Close())

	commitAt(2, "")
	require.Equal(t, "newest 2", string(receive(t, next(t, c)).Value), "an offset without an id is believed: an older ingester's")
}
