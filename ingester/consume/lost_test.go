// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/test/apachekafka"
	"tcpledger/test/wait"
)

// make1 creates a topic of one partition with a number of messages, "0" and so on.
func make1(t *testing.T, broker *apachekafka.Broker, topic string, n int, configs ...kafka.ConfigEntry) *kafka.Client {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(broker.Addr())}
	made, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: configs}}})
	require.NoError(t, err)
	require.NoError(t, made.Errors[topic])
	sendNumbers(t, broker, topic, 0, n)
	return client
}

// sendNumbers sends a batch for each number.
func sendNumbers(t *testing.T, broker *apachekafka.Broker, topic string, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		send(t, []string{broker.Addr()}, topic, kafka.Message{Value: []byte{byte('0' + n)}})
	}
}

// readOne reads the first message of a topic and commits it, as an ingester that then ends.
func readOne(t *testing.T, broker *apachekafka.Broker, topic string) {
	t.Helper()
	c, _ := newConsumer(t, []string{broker.Addr()}, topic, topic)
	g := next(t, c)
	require.Equal(t, "0", string(receive(t, g).Value))
	require.NoError(t, g.Commit(map[string]map[int]int64{topic: {0: 1}}))
	require.NoError(t, c.Close())
}

// retentionPasses: what Kafka's own retention deletes before it is read is handed on as its offsets.
func retentionPasses(t *testing.T, broker *apachekafka.Broker) {
	const topic = "retained"
	client := make1(t, broker, topic, 4)
	readOne(t, broker, topic)
	keep := func(ms string) {
		_, err := client.IncrementalAlterConfigs(t.Context(), &kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: "retention.ms", Value: ms, ConfigOperation: kafka.ConfigOperationSet}}}}})
		require.NoError(t, err)
	}
	keep("1")
	require.Eventually(t, func() bool {
		answer, err := client.ListOffsets(t.Context(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: {kafka.FirstOffsetOf(0)}}})
		return err == nil && len(answer.Topics[topic]) == 1 && answer.Topics[topic][0].FirstOffset == 4
	}, wait.Long, 50*time.Millisecond)
	keep("86400000")
	sendNumbers(t, broker, topic, 4, 5)

	c, lines := newConsumer(t, []string{broker.Addr()}, topic, topic)
	g := next(t, c)
	deleted := receive(t, g)
	require.ErrorIs(t, deleted.Unreadable, ErrDeleted)
	require.Equal(t, []int64{1, 3}, []int64{deleted.Offset, deleted.Last})
	require.Equal(t, "4", string(receive(t, g).Value))
	require.Equal(t, 3.0, testutil.ToFloat64(c.metrics.skipped.WithLabelValues(topic)))
	require.Equal(t, 1, lines.Count("messages were deleted before they were read"))
}

// topicMadeAnew: a topic that was deleted and made anew is read from its beginning, though it is longer than what was read of the old one.
func topicMadeAnew(t *testing.T, broker *apachekafka.Broker) {
	const topic = "anew"
	client := make1(t, broker, topic, 4)
	readOne(t, broker, topic)
	deleted, err := client.DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	require.NoError(t, err)
	require.NoError(t, deleted.Errors[topic])
	made := func() bool {
		made, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}}})
		return err == nil && made.Errors[topic] == nil
	}
	require.Eventually(t, made, wait.Long, 50*time.Millisecond, "the old one is gone")
	sendNumbers(t, broker, topic, 5, 8)
	c, _ := newConsumer(t, []string{broker.Addr()}, topic, topic)
	g := next(t, c)
	require.Equal(t, "5", string(receive(t, g).Value))
	require.Equal(t, "6", string(receive(t, g).Value))
}

// acknowledgedIsLost: a broker comes back without messages that it had acknowledged, as after an election of one that was behind. Those
// that were read are read again when nothing newer has their offsets; the rest is missing in the numbers.
func acknowledgedIsLost(t *testing.T, broker *apachekafka.Broker) {
	const topic = "behind"
	make1(t, broker, topic, 4)
	c, _ := newConsumer(t, []string{broker.Addr()}, topic, topic)
	g := next(t, c)
	for range 4 {
		receive(t, g)
	}
	require.NoError(t, g.Commit(map[string]map[int]int64{topic: {0: 4}}))
	require.NoError(t, c.Close())
	broker.Stop()
	keepBatches(t, broker.Log(topic, 0), 2)
	broker.Restart()
	sendNumbers(t, broker, topic, 8, 9) // has offset 2: its number is new

	c, lines := newConsumer(t, []string{broker.Addr()}, topic, topic)
	g = next(t, c)
	for _, want := range []string{"0", "1", "8"} {
		require.Equal(t, want, string(receive(t, g).Value))
	}
	require.Equal(t, 1, lines.Count("the partition is shorter"))
}

// keepBatches cuts a log file behind its first n batches, and has the broker make the rest of what it knows anew.
func keepBatches(t *testing.T, path string, n int) {
	t.Helper()
	data, err := os.ReadFile(filepath.Clean(path))
	require.NoError(t, err)
	end := 0
	for range n {
		end += 12 + int(binary.BigEndian.Uint32(data[end+8:]))
	}
	require.NoError(t, os.WriteFile(path, data[:end], 0o600))
	for _, pattern := range []string{"*.index", "*.timeindex", "*.snapshot", "leader-epoch-checkpoint"} {
		files, err := filepath.Glob(filepath.Join(filepath.Dir(path), pattern))
		require.NoError(t, err)
		for _, f := range files {
			require.NoError(t, os.Remove(f))
		}
	}
	root := filepath.Dir(filepath.Dir(path))
	for _, name := range []string{".kafka_cleanshutdown", "recovery-point-offset-checkpoint", "replication-offset-checkpoint"} {
		err := os.Remove(filepath.Join(root, name))
		require.True(t, err == nil || os.IsNotExist(err), "%v", err)
	}
}
