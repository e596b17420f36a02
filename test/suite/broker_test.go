// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// broker is a Kafka in this process with one partition of each topic.
func broker(t testing.TB) string {
	t.Helper()
	var topics []string
	for _, topic := range schema.Topics() {
		topics = append(topics, topic.Name)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topics...))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

// ledger is what an agent published, as far as it was read.
type ledger struct {
	reader      *kafka.Reader
	decoder     *schema.BatchDecoder
	connections []schema.Connection
	events      []schema.Event
	losses      []schema.Loss
	checkpoints []schema.Checkpoint
}

func read(t testing.TB, addr string) *ledger {
	t.Helper()
	l := &ledger{decoder: schema.NewBatchDecoder(), reader: kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{addr}, Topic: schema.TopicEvents, Partition: 0, MaxWait: 100 * time.Millisecond})}
	t.Cleanup(func() { require.NoError(t, l.reader.Close()) })
	return l
}

// more reads what has come within a moment.
func (l *ledger) more(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	for {
		m, err := l.reader.ReadMessage(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return
		}
		require.NoError(t, err)
		var b schema.Batch
		require.NoError(t, l.decoder.Decode(m.Value, &b))
		require.Empty(t, b.Unknown)
		l.connections = append(l.connections, b.Connections...)
		l.events = append(l.events, b.Events...)
		l.losses = append(l.losses, b.Losses...)
		l.checkpoints = append(l.checkpoints, b.Checkpoints...)
	}
}

// in gives the connections of the labs.
func (l *ledger) in(t testing.TB, worlds ...*lab.Lab) []*schema.Connection {
	t.Helper()
	var out []*schema.Connection
	mine := among(t, worlds)
	for i := range l.connections {
		if mine(&l.connections[i].Socket) {
			out = append(out, &l.connections[i])
		}
	}
	return out
}

// among says of a socket whether it is in one of the labs. Inode numbers tell namespaces apart as long as they live; the
// cookie, where the kernel has one, also from those that ended just before.
func among(t testing.TB, worlds []*lab.Lab) func(*schema.Socket) bool {
	t.Helper()
	cookies := map[uint32]uint64{}
	for _, w := range worlds {
		for _, h := range []*lab.Host{w.A, w.B} {
			cookies[h.Inode(t)] = h.Cookie(t)
		}
	}
	return func(s *schema.Socket) bool {
		cookie, ok := cookies[s.NetNS]
		return ok && (cookie == 0 || s.NetNSCookie == cookie)
	}
}
