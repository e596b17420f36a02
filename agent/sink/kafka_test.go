// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/agent/batch"
	"tcpledger/agent/publish"
	"tcpledger/agent/symbols"
	"tcpledger/internal/program"
	"tcpledger/internal/text"
	"tcpledger/schema"
	"tcpledger/test/wait"
)

const second = uint64(1e9)

// nothingLoaded is a kernel whose symbols are hidden.
type nothingLoaded struct{}

func (nothingLoaded) Table(string) (string, []schema.Symbol, bool) { return "", nil, false }

func newSink(t *testing.T, broker string, queueBytes text.Size) *Kafka {
	log, registry := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	transport := &kafka.Transport{DialTimeout: time.Second}
	publisher := publish.New(publish.Config{Brokers: []string{broker}, Transport: transport, Limits: publish.Limits{QueueBytes: queueBytes},
		Outage: program.NewOutage(log, "kafka"), Log: log, Registry: registry})
	uploader, err := symbols.New(symbols.Config{Source: nothingLoaded{}, Brokers: []string{broker}, Transport: transport, Log: log,
		Registry: registry})
	require.NoError(t, err)
	return NewKafka(KafkaConfig{Header: schema.Header{Host: "web-1", BootID: "b", Session: 3, Run: 4}, Release: "6.18", Limits: batch.DefaultLimits(),
		Facts: schema.HostFacts{AgentVersion: "v1", Kinds: []string{"connection"}}, Publisher: publisher, Symbols: uploader})
}

// delivered runs the publisher to its end and decodes what is in Kafka.
func delivered(t *testing.T, s *Kafka, broker string) (metas []*schema.Meta, batches []schema.Batch) {
	ctx, cancel := context.WithTimeout(context.Background(), wait.Long)
	defer cancel()
	require.NoError(t, s.config.Publisher.Run(ctx))
	for _, topic := range []string{schema.TopicMeta, schema.TopicEvents} {
		reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, Topic: topic, MaxWait: 20 * time.Millisecond})
		lag, err := reader.ReadLag(ctx)
		require.NoError(t, err)
		for range lag {
			m, err := reader.ReadMessage(ctx)
			require.NoError(t, err)
			require.Equal(t, "web-1", string(m.Key))
			if topic == schema.TopicMeta {
				meta, err := schema.DecodeMeta(m.Value)
				require.NoError(t, err)
				metas = append(metas, meta)
				continue
			}
			var b schema.Batch
			require.NoError(t, schema.NewBatchDecoder().Decode(m.Value, &b))
			batches = append(batches, b)
		}
		require.NoError(t, reader.Close())
	}
	return metas, batches
}

func newKafka(t *testing.T) string {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, schema.TopicEvents, schema.TopicMeta))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

func numbered(seq uint64) *schema.Event {
	return &schema.Event{Kind: schema.KindError, Identity: schema.Identity{Stream: 1, Seq: seq, At: seq}}
}

func TestBatchesAreSentByAge(t *testing.T) {
	broker := newKafka(t)
	s := newSink(t, broker, 1<<20)
	now := 100 * second
	require.NoError(t, s.Event(numbered(0), now))
	require.NoError(t, s.Stack(&schema.Stack{ID: 5, Frames: []schema.Frame{{Offset: 1}}}, now))
	require.NoError(t, s.Tick(now+second/4))
	require.NoError(t, s.Event(numbered(1), now+second/4))
	require.NoError(t, s.Tick(now+second/2))
	require.NoError(t, s.Checkpoint(&schema.Checkpoint{Phase: schema.CheckpointEnd}, now+second))
	require.NoError(t, s.Tick(now+describeEvery+second/4))
	require.NoError(t, s.Finish(now+describeEvery+second/4))
	metas, batches := delivered(t, s, broker)
	require.Len(t, batches, 2)
	require.Len(t, batches[0].Events, 2)
	require.Len(t, batches[1].Checkpoints, 1)
	require.Len(t, metas, 3, "the host, the stack, and an hour later the host again")
	require.Equal(t, "v1", metas[0].Agent.AgentVersion)
	require.Equal(t, uint64(5), metas[1].Stacks[0].ID)
	require.Equal(t, "", metas[1].Agent.AgentVersion)
	require.Equal(t, "v1", metas[2].Agent.AgentVersion)
}

// Later batches hold the losses of dropped messages: each number arrives once, in a row or in a loss range.
func TestDroppedMessagesBecomeLosses(t *testing.T) {
	broker := newKafka(t)
	s := newSink(t, broker, 40<<10)
	const n = 20_000
	now := 100 * second
	for seq := range uint64(n) {
		require.NoError(t, s.Event(numbered(seq), now))
		now += second / 2000
		require.NoError(t, s.Tick(now))
	}
	require.Error(t, s.config.Publisher.Err())
	require.NoError(t, s.Finish(now))
	_, batches := delivered(t, s, broker)
	account := make([]int, n)
	lost := 0
	for _, b := range batches {
		for _, e := range b.Events {
			account[e.Seq]++
		}
		for _, l := range b.Losses {
			require.Equal(t, schema.LossQueueOverflow, l.Cause)
			for seq := l.SeqFrom; seq <= l.SeqTo; seq++ {
				account[seq]++
				lost++
			}
		}
	}
	for seq, times := range account {
		require.Equal(t, 1, times, "number %d", seq)
	}
	require.Positive(t, lost)
	require.Less(t, lost, n)
}

func TestDroppedStacksAreReportedOnce(t *testing.T) {
	s := newSink(t, newKafka(t), 8<<10)
	require.False(t, s.StacksLost())
	for id := range uint64(5000) {
		require.NoError(t, s.Stack(&schema.Stack{ID: id + 1, Frames: []schema.Frame{{Offset: id}}}, 100*second))
	}
	require.True(t, s.StacksLost())
	require.False(t, s.StacksLost(), "reported once")
}
