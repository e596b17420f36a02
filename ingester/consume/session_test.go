// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/test/apachekafka"
)

// sessionsThatEnd: the broker ends a session that does not log in again. The group does not rebalance, no commit fails, the
// broker closes no connection and no message waits.
func sessionsThatEnd(t *testing.T, broker *apachekafka.Broker) {
	const sessions, pause, maxDelay, topic = 4, 50 * time.Millisecond, 2 * time.Second, "sessions"
	client := &kafka.Client{Addr: kafka.TCP(broker.Addr())}
	made, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}}})
	require.NoError(t, err)
	require.NoError(t, made.Errors[topic])
	c, w := newWatchedConsumer(t, broker.Login(), topic)
	g := next(t, c)
	sent := 0
	for end := time.Now().Add(sessions * apachekafka.SessionLifetime); time.Now().Before(end); sent++ {
		began := time.Now()
		send(t, []string{broker.Addr()}, topic, kafka.Message{Value: []byte(strconv.Itoa(sent))})
		m := receive(t, g)
		require.Less(t, time.Since(began), maxDelay)
		require.Equal(t, strconv.Itoa(sent), string(m.Value))
		require.NoError(t, g.Commit(map[string]map[int]int64{topic: {m.Partition: m.Offset + 1}}))
		time.Sleep(pause)
	}
	require.Greater(t, sent, 20)
	require.Zero(t, w.closed(time.Now()), "connections that the broker closed")
	require.Equal(t, 1.0, testutil.ToFloat64(c.metrics.generations), "rebalances")
	require.Zero(t, w.lines.Count("level="), w.lines.String())
}
