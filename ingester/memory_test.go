// SPDX-License-Identifier: Apache-2.0

package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/schema"
)

// A backlog on each partition while ClickHouse is frozen fills what the ingester holds: read-ahead, waiting messages, the blocks
// of an insert. It stays below the bound that it states, and stores each row when ClickHouse goes on.
func TestABacklogStaysWithinTheStatedMemory(t *testing.T) {
	const messages, rows = 180, 1000 // for each of the six partitions
	broker := newKafka(t)
	server := clickhousetest.StartAt(t, clickhousetest.Options(t))
	db := open(t, server.Addr())
	p := start(t, "--brokers", broker, "--clickhouse", server.Addr())
	writer := &kafka.Writer{Addr: kafka.TCP(broker), RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, BatchBytes: 8 << 20,
		Balancer: kafka.BalancerFunc(func(m kafka.Message, ids ...int) int { return m.Partition % len(ids) })}
	sent := 0
	send := func(partition int, i uint64) {
		value := batchOf(t, rows, "backlog", uint32(partition), i*rows, time.Now())
		sent += len(value)
		require.NoError(t, writer.WriteMessages(t.Context(), kafka.Message{Topic: schema.TopicEvents, Partition: partition, Key: []byte("backlog"), Value: value}))
	}
	send(0, messages)
	eventually(t, db, "SELECT count() FROM tcpledger.connections FINAL", is(rows))
	require.NoError(t, syscall.Kill(server.PID(), syscall.SIGSTOP))
	defer func() { _ = syscall.Kill(server.PID(), syscall.SIGCONT) }() // the engine's end waits for it
	for i := range uint64(messages) {
		for partition := range 6 {
			send(partition, i)
		}
	}
	require.NoError(t, writer.Close())
	require.Greater(t, sent, waiting, "more than may wait")
	require.Eventually(t, func() bool { return p.said("not available") > 0 }, maxWait, 10*time.Millisecond, "the insert that nobody answers")
	require.NoError(t, syscall.Kill(server.PID(), syscall.SIGCONT))
	eventually(t, db, "SELECT count() FROM tcpledger.connections FINAL WHERE host = 'backlog'", is((6*messages+1)*rows))

	var f flags
	f.register(pflag.NewFlagSet("", pflag.ContinueOnError))
	bound := f.memory().Bound()
	t.Logf("%d MiB of messages, peak memory %d MiB, stated bound %d MiB", sent>>20, p.resident(t)>>20, bound>>20)
	require.Less(t, uint64(p.resident(t)), bound)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, p.ends(t))
}
