// SPDX-License-Identifier: Apache-2.0

package kafka_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/kafka"
	"tcpledger/internal/devstack/kafka/kafkatest"
	"tcpledger/internal/devstack/port"
	"tcpledger/test/wait"
)

func TestMain(m *testing.M) { kafkatest.Main(m) }

const topic = "ledger"

func writer(addr string) *kafkago.Writer {
	return &kafkago.Writer{Addr: kafkago.TCP(addr), Topic: topic, RequiredAcks: kafkago.RequireAll, BatchTimeout: time.Millisecond,
		Transport: new(kafkago.Transport), MaxAttempts: 1}
}

// read returns the values of partition 0 from offset to its end.
func read(t *testing.T, addr string) map[string]int {
	t.Helper()
	reader := kafkago.NewReader(kafkago.ReaderConfig{Brokers: []string{addr}, Topic: topic, MinBytes: 1, MaxBytes: 1 << 20})
	defer func() { require.NoError(t, reader.Close()) }()
	end := endOffset(t, addr)
	values := make(map[string]int)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), wait.Long)
		message, err := reader.ReadMessage(ctx)
		cancel()
		require.NoError(t, err)
		values[string(message.Value)]++
		if message.Offset+1 >= end {
			return values
		}
	}
}

func endOffset(t *testing.T, addr string) int64 {
	t.Helper()
	conn, err := kafkago.DialLeader(t.Context(), "tcp", addr, topic, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	end, err := conn.ReadLastOffset()
	require.NoError(t, err)
	return end
}

func TestKillKeepsWhatWasAcknowledged(t *testing.T) {
	broker := kafkatest.New(t)
	kafkatest.Topic(t, broker.Addr(), topic, 1)
	kafkatest.Topic(t, broker.Addr(), topic, 1) // again is no error

	var mu sync.Mutex
	acked := make(map[string]bool)
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(acked) }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			out := writer(broker.Addr())
			defer func() { _ = out.Close() }()
			for n := 0; ctx.Err() == nil; n++ {
				value := fmt.Sprintf("%d/%d", w, n)
				if out.WriteMessages(ctx, kafkago.Message{Value: []byte(value)}) == nil {
					mu.Lock()
					acked[value] = true
					mu.Unlock()
				}
			}
		})
	}
	for range 3 {
		before := count()
		require.Eventually(t, func() bool { return count() > before+100 }, wait.Long, time.Millisecond)
		broker.Kill9()
		broker.Restart()
	}
	before := count()
	require.Eventually(t, func() bool { return count() > before+100 }, wait.Long, time.Millisecond)
	cancel()
	writers.Wait()

	broker.Stop()
	broker.Restart()
	stored := read(t, broker.Addr())
	require.Greater(t, len(acked), 400)
	for value := range acked {
		require.Positive(t, stored[value], "acknowledged and lost: %s", value)
	}
}

// commit joins the group, commits to and leaves; it returns the offset that the group gave it to start from.
func commit(t *testing.T, addr string, to int64) (from int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait.Long)
	defer cancel()
	group, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{ID: "ingester", Brokers: []string{addr}, Topics: []string{topic},
		StartOffset: kafkago.FirstOffset})
	require.NoError(t, err)
	defer func() { require.NoError(t, group.Close()) }()
	var generation *kafkago.Generation
	for generation == nil {
		generation, err = group.Next(ctx)
		require.NoError(t, ctx.Err(), "joining: %v", err)
	}
	require.NoError(t, generation.CommitOffsets(map[string]map[int]int64{topic: {0: to}}))
	return generation.Assignments[topic][0].Offset
}

func TestKillKeepsCommittedOffsets(t *testing.T) {
	broker := kafkatest.New(t)
	kafkatest.Topic(t, broker.Addr(), topic, 1)
	require.EqualValues(t, kafkago.FirstOffset, commit(t, broker.Addr(), 7))
	broker.Kill9()
	broker.Restart()
	require.EqualValues(t, 7, commit(t, broker.Addr(), 9))
	broker.Stop()
	broker.Restart()
	require.EqualValues(t, 9, commit(t, broker.Addr(), 9))
}

func configs(t *testing.T, addr string) map[string]string {
	t.Helper()
	client := &kafkago.Client{Addr: kafkago.TCP(addr), Transport: new(kafkago.Transport)}
	response, err := client.DescribeConfigs(t.Context(), &kafkago.DescribeConfigsRequest{
		Resources: []kafkago.DescribeConfigRequestResource{{ResourceType: kafkago.ResourceTypeTopic, ResourceName: topic}}})
	require.NoError(t, err)
	found := make(map[string]string)
	for _, entry := range response.Resources[0].ConfigEntries {
		found[entry.ConfigName] = entry.ConfigValue
	}
	return found
}

func TestNoTopicIsCompactedOrEmptied(t *testing.T) {
	addr := kafkatest.Open(t)
	asked := map[string]string{"cleanup.policy": "compact", "retention.ms": "1", "retention.bytes": "-1", "min.compaction.lag.ms": "5",
		"message.timestamp.type": "LogAppendTime"}
	kafkatest.Topic(t, addr, topic, 2, asked)
	want := map[string]string{"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": strconv.Itoa(256 << 20),
		"message.timestamp.type": "LogAppendTime"}
	got := configs(t, addr)
	for name, value := range want {
		require.Equal(t, value, got[name], name)
	}

	client := &kafkago.Client{Addr: kafkago.TCP(addr), Transport: new(kafkago.Transport)}
	_, err := client.AlterConfigs(t.Context(), &kafkago.AlterConfigsRequest{Resources: []kafkago.AlterConfigRequestResource{{
		ResourceType: kafkago.ResourceTypeTopic, ResourceName: topic,
		Configs: []kafkago.AlterConfigRequestConfig{{Name: "cleanup.policy", Value: "compact"}, {Name: "retention.bytes", Value: "20000000"}}}}})
	require.NoError(t, err)
	got = configs(t, addr)
	require.Equal(t, "delete", got["cleanup.policy"])
	require.Equal(t, "-1", got["retention.ms"])
	require.Equal(t, "20000000", got["retention.bytes"])

	_, err = client.IncrementalAlterConfigs(t.Context(), &kafkago.IncrementalAlterConfigsRequest{
		Resources: []kafkago.IncrementalAlterConfigsRequestResource{{ResourceType: kafkago.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafkago.IncrementalAlterConfigsRequestConfig{
				{Name: "cleanup.policy", Value: "compact", ConfigOperation: kafkago.ConfigOperationSet},
				{Name: "retention.ms", Value: "1", ConfigOperation: kafkago.ConfigOperationSet}}}}})
	require.NoError(t, err)
	got = configs(t, addr)
	require.Equal(t, "delete", got["cleanup.policy"])
	require.Equal(t, "-1", got["retention.ms"])
}

// A consumer group's offset points behind what retention deleted; the partition must not begin at 0 again.
func TestRetentionNeverTakesTheNextOffset(t *testing.T) {
	broker := kafkatest.New(t)
	kafkatest.Topic(t, broker.Addr(), topic, 1, map[string]string{"retention.ms": "1", "retention.bytes": "1"})
	out := writer(broker.Addr())
	for range 3 {
		require.NoError(t, out.WriteMessages(t.Context(), kafkago.Message{Value: []byte("x"), Time: time.Unix(1, 0)}))
	}
	require.NoError(t, out.Close())
	for range 2 { // each start applies retention
		broker.Kill9()
		broker.Restart()
		require.EqualValues(t, 3, endOffset(t, broker.Addr()))
	}
}

func TestWhatCannotStartSaysWhy(t *testing.T) {
	broker := kafkatest.New(t)
	used, err := strconv.Atoi(broker.Addr()[len("127.0.0.1:"):])
	require.NoError(t, err)
	_, err = kafka.Start(t.Context(), kafka.Options{DataDir: t.TempDir(), Port: used})
	require.ErrorContains(t, err, fmt.Sprintf("port %d is in use", used))
	require.ErrorContains(t, err, fmt.Sprintf("pid %d", broker.PID()))

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	free, err := port.Free()
	require.NoError(t, err)
	_, err = kafka.Start(t.Context(), kafka.Options{DataDir: filepath.Join(file, "data"), Port: free})
	require.ErrorContains(t, err, "data directory "+file)
}

func TestServeEndsWithItsInput(t *testing.T) {
	free, err := port.Free()
	require.NoError(t, err)
	input, end := io.Pipe()
	ended := make(chan error, 1)
	dir := t.TempDir()
	go func() { ended <- kafka.Serve(dir, free, input, io.Discard) }()
	require.Eventually(t, func() bool { // to listen there too would take the port from the broker
		connection, err := net.Dial("tcp", port.Join(free))
		return err == nil && connection.Close() == nil
	}, wait.Long, 5*time.Millisecond)
	require.NoError(t, end.Close())
	require.NoError(t, <-ended)
	require.NoError(t, port.Check(free))
}
