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

// in gives the connections of the lab's namespaces. Inode numbers tell them apart as long as the namespaces live; the
// cookie, where the kernel has one, also from those that ended just before.
func (l *ledger) in(t testing.TB, world *lab.Lab) []*schema.Connection {
	t.Helper()
	var out []*schema.Connection
	for _, h := range []*lab.Host{world.A, world.B} {
		inode, cookie := h.Inode(t), h.Cookie(t)
		for i := range l.connections {
			if c := &l.connections[i]; c.NetNS == inode && (cookie == 0 || c.NetNSCookie == cookie) {
				out = append(out, c)
			}
		}
	}
	return out
}
