// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/program/kafkaconn"
	"tcpledger/test/apachekafka"
)

// member reads and commits for as long as the test lasts, over rebalances.
type member struct {
	*Consumer
	*watched
	partitions atomic.Int64
}

// members are a group on one topic, and what it has read.
type members struct {
	t     *testing.T
	topic string
	all   []*member
	mu    sync.Mutex
	times map[string]int // how often each message was read
}

// join makes a topic and count members of its group, and waits until they share the partitions.
func join(t *testing.T, broker *apachekafka.Broker, flags *kafkaconn.Flags, topic string, count, partitions int) *members {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(broker.Addr())}
	made, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}}})
	require.NoError(t, err)
	require.NoError(t, made.Errors[topic])
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	g := &members{t: t, topic: topic, times: map[string]int{}}
	for range count {
		c, w := newWatchedConsumer(t, flags, topic)
		m := &member{Consumer: c, watched: w}
		g.all = append(g.all, m)
		running.Go(func() { g.run(ctx, m) })
	}
	require.Eventually(t, func() bool {
		for _, m := range g.all {
			if m.partitions.Load() != int64(partitions/count) {
				return false
			}
		}
		return true
	}, 2*maxWait, 10*time.Millisecond, "each has its share")
	return g
}

func (g *members) run(ctx context.Context, m *member) {
	for {
		generation, err := m.Next(ctx)
		if err != nil {
			return // the test ends
		}
		m.partitions.Store(int64(generation.Partitions()))
		for generation.Ended().Err() == nil {
			select {
			case message := <-generation.Messages():
				g.mu.Lock()
				g.times[string(message.Value)]++
				g.mu.Unlock()
				_ = generation.Commit(map[string]map[int]int64{g.topic: {message.Partition: message.Offset + 1}}) // else it is read again
			case <-generation.Ended().Done():
			case <-ctx.Done():
				return
			}
		}
	}
}

// rebalances counts the generations of all members.
func (g *members) rebalances() (n float64) {
	for _, m := range g.all {
		n += testutil.ToFloat64(m.metrics.generations)
	}
	return n
}

// closed counts the connections made before a time that the broker closed.
func (g *members) closed(before time.Time) (n int) {
	for _, m := range g.all {
		n += m.watched.closed(before)
	}
	return n
}

// said counts the lines of all members with a part.
func (g *members) said(part string) (n int) {
	for _, m := range g.all {
		n += m.lines.Count(part)
	}
	return n
}

// await waits until a message was read.
func (g *members) await(value string) {
	g.t.Helper()
	require.Eventually(g.t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.times[value] > 0
	}, 2*maxWait, time.Millisecond, value)
}

// sessionsOfMembers: sessions of several members and of a sender end over TLS, again and again. The group does not rebalance, the broker
// closes no connection, nothing is said, and each message is read once.
func sessionsOfMembers(t *testing.T, broker *apachekafka.Broker, mechanism string) {
	const sessions, pause, partitions = 4, 50 * time.Millisecond, 6
	flags := broker.Secure(mechanism)
	g := join(t, broker, flags, "members-"+mechanism, 3, partitions)
	transport, err := flags.Transport("sender")
	require.NoError(t, err)
	defer transport.CloseIdleConnections()
	var sender watched
	transport.Dial = sender.dial(transport.Dial)
	writer := &kafka.Writer{Addr: kafka.TCP(flags.Brokers...), Topic: g.topic, RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, MaxAttempts: 1,
		Transport: transport, Balancer: &kafka.RoundRobin{}}
	defer func() { require.NoError(t, writer.Close()) }()

	rebalances, closed, lines := g.rebalances(), g.closed(time.Now()), g.said("level=")
	sent := 0
	for end := time.Now().Add(sessions * apachekafka.SessionLifetime); time.Now().Before(end); sent++ {
		require.NoError(t, writer.WriteMessages(t.Context(), kafka.Message{Value: []byte(strconv.Itoa(sent))}), "sent at the first try")
		g.await(strconv.Itoa(sent))
		time.Sleep(pause)
	}
	require.Equal(t, rebalances, g.rebalances(), "rebalances")
	require.Equal(t, closed, g.closed(time.Now()), "connections that the broker closed")
	require.Zero(t, sender.closed(time.Now()), "connections of the sender that the broker closed")
	require.Equal(t, lines, g.said("level="), "%v", g.all[0].lines.String())
	require.Len(t, g.times, sent)
	for value, times := range g.times {
		require.Equal(t, 1, times, value)
	}
}
