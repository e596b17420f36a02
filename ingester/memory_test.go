// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/kafka/fetch/fetchtest"
	"tcpledger/schema"
)

const (
	// tablesOfBuilds and symbolsOfBuild fill the cache of symbol tables.
	tablesOfBuilds, symbolsOfBuild = 12, 150_000
	// backlog is how many messages of backlogRows rows each partition of the events topic has, less than a flush takes together.
	backlog, backlogRows = 15, 1000
	// bigBatches are the batches of each partition that are nearly as large as one answer may be; each has bigMessages.
	bigBatches, bigMessages = 2, 3
)

// full is an ingester whose every store is filled at once, and the senders.
type full struct {
	t      *testing.T
	client *kafka.Client
	writer *kafka.Writer
	random *rand.ChaCha8
	rows   uint64 // connections that were sent
}

// All that the ingester holds is filled at once: the symbol tables that it keeps, the rows and messages of a flush, dead letters among
// them, and one answer of Kafka for each of the 13 partitions. It stays below the bound that it states, and stores all of it.
func TestAllAtOnceStaysWithinTheStatedMemory(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(6, schema.TopicEvents, schema.TopicMeta), kfake.SeedTopics(1, schema.TopicSymbols),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": fmt.Sprint(32 << 20)}))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	broker := cluster.ListenAddrs()[0]
	server := clickhousetest.StartAt(t, clickhousetest.Options(t))
	db := open(t, server.Addr())
	p := start(t, "--brokers", broker, "--clickhouse", server.Addr(), "--flush-interval=5s")
	f := &full{t: t, client: &kafka.Client{Addr: kafka.TCP(broker)}, random: rand.NewChaCha8([32]byte{1}),
		writer: &kafka.Writer{Addr: kafka.TCP(broker), RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, BatchBytes: 8 << 20,
			Balancer: kafka.BalancerFunc(func(m kafka.Message, ids ...int) int { return m.Partition % len(ids) })}}
	f.symbols(db)

	var settings flags
	settings.register(pflag.NewFlagSet("", pflag.ContinueOnError))
	bound := settings.memory().Bound()
	require.NoError(t, syscall.Kill(server.PID(), syscall.SIGSTOP))
	defer func() { _ = syscall.Kill(server.PID(), syscall.SIGCONT) }() // the engine's end waits for it
	letters := f.fill()
	require.NoError(t, syscall.Kill(server.PID(), syscall.SIGCONT)) // from here on it has more of everything than it may hold
	f.await(db, letters, "SELECT count() FROM tcpledger.dead_letters FINAL")
	f.await(db, f.rows, "SELECT count() FROM tcpledger.connections FINAL")
	t.Logf("peak memory %d MiB, stated bound %d MiB", p.resident(t)>>20, bound>>20)
	require.Greater(t, uint64(p.resident(t)), bound/2, "else it was not filled")
	require.Less(t, uint64(p.resident(t)), bound)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, p.ends(t))
}

// symbols sends symbol tables and a stack in each of them, and waits until the stacks have their names: then the tables are kept.
func (f *full) symbols(db *clickhouse.DB) {
	f.t.Helper()
	for build := range tablesOfBuilds {
		id := fmt.Sprintf("%040x", build)
		table := make([]schema.Symbol, symbolsOfBuild)
		for i := range table {
			table[i] = schema.Symbol{Offset: uint64(i) * 64, Name: fmt.Sprintf("a_function_with_a_name_of_fifty_letters_%016x", f.random.Uint64())}
		}
		pieces, err := schema.EncodeSymbols(id, "kernel", table)
		require.NoError(f.t, err)
		for _, piece := range pieces {
			f.send(schema.TopicSymbols, 0, id, piece)
		}
		frames := []schema.Frame{{Module: "kernel", BuildID: id, Offset: 65}}
		f.send(schema.TopicMeta, 0, "full", goodMeta(f.t, "full", schema.Stack{ID: schema.StackID(frames), Frames: frames}))
	}
	f.await(db, tablesOfBuilds, "SELECT count() FROM tcpledger.stacks FINAL WHERE frames_resolved = 1")
}

// await waits for an answer; a busy machine takes minutes for these.
func (f *full) await(db *clickhouse.DB, want uint64, query string) {
	f.t.Helper()
	for deadline := time.Now().Add(5 * maxWait); count(f.t, db, query) != want && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
	}
	require.Equal(f.t, want, count(f.t, db, query), query)
}

// fill gives every partition small messages, then batches as large as one answer may be, of messages as large as one may be. It
// returns how many of them are dead letters.
func (f *full) fill() (letters uint64) {
	for range backlog {
		for partition := range 6 {
			f.batch(partition)
			f.send(schema.TopicMeta, partition, "full", goodMeta(f.t, "full"))
		}
	}
	for topic, partitions := range map[string]int{schema.TopicEvents: 6, schema.TopicMeta: 6, schema.TopicSymbols: 1} {
		for partition := range partitions {
			for range bigBatches {
				fetchtest.Produce(f.t, f.client, topic, partition, f.bigBatch())
				letters += bigMessages
			}
		}
	}
	return letters
}

// batch sends backlogRows good rows.
func (f *full) batch(partition int) {
	f.t.Helper()
	f.send(schema.TopicEvents, partition, "full", batchOf(f.t, backlogRows, "full", uint32(partition), f.rows, time.Now()))
	f.rows += backlogRows
}

// bigBatch has messages of random bytes, so that it is as large on the wire as unpacked; the decompressor has a window for it all
// the same.
func (f *full) bigBatch() []byte {
	return fetchtest.Batch(fetchtest.Zstd, bigMessages, fetchtest.Pack(f.t, fetchtest.Zstd, func(w io.Writer) {
		value := make([]byte, schema.MaxMessageBytes)
		for i := range bigMessages {
			_, _ = f.random.Read(value)
			_, err := w.Write(fetchtest.Record{Delta: int64(i), Key: []byte("full"), Value: value}.Append(nil))
			require.NoError(f.t, err)
		}
	}))
}

func (f *full) send(topic string, partition int, key string, value []byte) {
	f.t.Helper()
	require.NoError(f.t, f.writer.WriteMessages(f.t.Context(), kafka.Message{Topic: topic, Partition: partition, Key: []byte(key), Value: value}))
}
