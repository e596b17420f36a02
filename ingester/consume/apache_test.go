// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/kafka/fetch"
	"tcpledger/internal/kafka/fetch/fetchtest"
	"tcpledger/test/apachekafka"
)

// What the embedded Kafka cannot do: it checks a batch's bytes when it starts, keeps the senders' times, and lets a session live on.
func TestOnApacheKafka(t *testing.T) {
	broker := apachekafka.Start(t)
	t.Run("clocks that are off", func(t *testing.T) { clocksThatAreOff(t, []string{broker.Addr()}) })
	t.Run("sessions that end", func(t *testing.T) { sessionsThatEnd(t, broker) })
	for _, mechanism := range []string{"plain", "scram-sha-256"} {
		t.Run("sessions of members that end, "+mechanism, func(t *testing.T) { sessionsOfMembers(t, broker, mechanism) })
	}
	t.Run("a certificate that expires", func(t *testing.T) { certificateExpires(t, broker) })
	t.Run("retention passes what is unread", func(t *testing.T) { retentionPasses(t, broker) })
	t.Run("a topic made anew", func(t *testing.T) { topicMadeAnew(t, broker) })
	t.Run("acknowledged messages are lost", func(t *testing.T) { acknowledgedIsLost(t, broker) })
	t.Run("a flipped byte on the disk", func(t *testing.T) { flippedByte(t, broker) })
}

// clocksThatAreOff: a sender's clock is compared with the broker's time of the message, not with the time at which it is read.
func clocksThatAreOff(t *testing.T, brokers []string) {
	client := kafka.Client{Addr: kafka.TCP(brokers...)}
	made, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: "brokers", NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: []kafka.ConfigEntry{{ConfigName: "message.timestamp.type", ConfigValue: "LogAppendTime"}}},
		{Topic: "senders", NumPartitions: 1, ReplicationFactor: 1}}})
	require.NoError(t, err)
	require.NoError(t, made.Errors["brokers"])
	require.NoError(t, made.Errors["senders"])
	now := time.Now()
	sentAt := []time.Time{now, now.Add(-50 * time.Minute), now.Add(-70 * time.Minute), now.Add(70 * time.Minute), now.Add(50 * time.Minute), now.Add(-1000 * time.Hour)}
	want := []bool{false, false, true, true, false, true, false}
	var messages []kafka.Message
	for i, at := range sentAt {
		messages = append(messages, kafka.Message{Value: []byte{byte(i)}, Headers: sent(at)})
	}
	messages = append(messages, kafka.Message{Value: []byte("no header")})
	for _, topic := range []string{"brokers", "senders"} {
		send(t, brokers, topic, messages...)
		c, _ := newConsumer(t, brokers, topic, topic)
		g := next(t, c)
		for i, off := range want {
			m := receive(t, g)
			require.Equal(t, off && topic == "brokers", m.ClockOff, "message %d of %s", i, topic)
			require.Equal(t, topic == "senders", m.Appended.IsZero(), "nobody knows when a message came to a topic of senders' times")
			if topic == "brokers" {
				require.WithinDuration(t, now, m.Appended, time.Minute)
			}
		}
	}
}

// flippedByte: one byte of the broker's log is flipped. The broker sends the batch as it is; it alone is lost, wherever the
// byte is.
func flippedByte(t *testing.T, broker *apachekafka.Broker) {
	brokers := []string{broker.Addr()}
	client := &kafka.Client{Addr: kafka.TCP(brokers...), Transport: &kafka.Transport{}} // the default one holds connections to a broker that was stopped
	// What the byte is flipped in: the packed messages, the offset of the batch's last message, its checksum.
	places := map[string]int{"messages": fetchtest.HeadSize + 10, "last": 25, "checksum": 17}
	for topic := range places {
		made, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1,
			ConfigEntries: []kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "-1"}}}}}) // the batches' times are of 1970
		require.NoError(t, err)
		require.NoError(t, made.Errors[topic])
		for _, value := range []string{"before", "bad", "behind"} {
			packed := fetchtest.Pack(t, fetchtest.Lz4, writes(fetchtest.Record{Delta: 1, Value: []byte(value)}.Append(fetchtest.Record{Value: bytes.Repeat([]byte(value), 50)}.Append(nil))))
			fetchtest.Produce(t, client, topic, 0, fetchtest.Batch(fetchtest.Lz4, 2, packed))
		}
	}
	broker.Stop()
	for topic, at := range places {
		flip(t, broker.Log(topic, 0), 2, at)
	}
	broker.Restart()

	for topic := range places {
		c, lines := newConsumer(t, brokers, topic, topic)
		g := next(t, c)
		require.Len(t, g.origins.current[topic], 32, "it knows the topic's id")
		receive(t, g)
		require.Equal(t, "before", string(receive(t, g).Value), topic)
		m := receive(t, g)
		require.ErrorIs(t, m.Unreadable, fetch.ErrUnreadable, topic)
		require.Equal(t, []int64{2, 3}, []int64{m.Offset, m.Last}, topic)
		require.Greater(t, len(m.Value), fetchtest.HeadSize, topic)
		require.Equal(t, int64(4), receive(t, g).Offset, topic)
		require.Equal(t, "behind", string(receive(t, g).Value), topic)
		require.Equal(t, 1, lines.Count("messages cannot be read"))
		require.Equal(t, 6.0, testutil.ToFloat64(c.metrics.lag.WithLabelValues(topic, "0")), "as no offset is committed")
	}
}

func writes(b []byte) func(io.Writer) { return func(w io.Writer) { _, _ = w.Write(b) } }

// flip flips a byte of the n-th batch of a log file.
func flip(t *testing.T, path string, n, at int) {
	t.Helper()
	data, err := os.ReadFile(filepath.Clean(path))
	require.NoError(t, err)
	begin := 0
	for range n - 1 {
		begin += 12 + int(binary.BigEndian.Uint32(data[begin+8:]))
	}
	data[begin+at] ^= 0x01
	require.NoError(t, os.WriteFile(path, data, 0o600))
}
