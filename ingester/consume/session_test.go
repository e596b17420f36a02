// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/program"
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
	c, lines, closed := newSessionConsumer(t, broker, topic)
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
	require.Zero(t, closed.Load(), "connections that the broker closed")
	require.Equal(t, 1.0, testutil.ToFloat64(c.metrics.generations), "rebalances")
	require.Zero(t, lines.count("level="), lines.text.String())
}

// watchedConn counts the reads that fail: the broker closed the connection.
type watchedConn struct {
	net.Conn
	failed *atomic.Int64
}

func (w watchedConn) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if err != nil {
		w.failed.Add(1)
	}
	return n, err
}

// newSessionConsumer makes a consumer that logs in. It counts the connections that the broker closes.
func newSessionConsumer(t *testing.T, broker *apachekafka.Broker, topic string) (*Consumer, *logged, *atomic.Int64) {
	t.Helper()
	flags, closed, lines := broker.Login(), &atomic.Int64{}, &logged{}
	watched := func(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			return watchedConn{conn, closed}, err
		}
	}
	transport, err := flags.Transport("sessions")
	require.NoError(t, err)
	transport.Dial = watched(transport.Dial)
	dialer, err := flags.Dialer("sessions")
	require.NoError(t, err)
	dialer.DialFunc = watched(dialer.DialFunc)
	log := slog.New(slog.NewTextHandler(lines, nil))
	c := New(Config{Brokers: flags.Brokers, Group: topic, Topics: []string{topic}, MaxBatch: 64 << 20, Transport: transport, Dialer: dialer,
		Log: log, Outage: program.NewOutage(log, "kafka"), Registry: prometheus.NewRegistry()})
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c, lines, closed
}
