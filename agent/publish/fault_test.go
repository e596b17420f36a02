// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tcpledger/internal/program"
	"tcpledger/schema"
	"tcpledger/test/logged"
)

// A leader that took the messages and then failed, or whose answer is lost: they are there, so they are not lost as well,
// however many come after them.
func TestWhatMayHaveArrivedIsNotLost(t *testing.T) {
	b := newBroker(t)
	b.start()
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: schema.TopicEvents, Err: kerr.NotEnoughReplicasAfterAppend})
	away := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: schema.TopicEvents, Err: kerr.NotEnoughReplicas, Count: -1})
	one := numbered(0)
	p, _ := newPublisher(t, b, 10*one.Size())
	p.Offer(numbered(0))
	p.Offer(numbered(1))
	wait := run(t, p, context.Background())
	require.Eventually(t, func() bool { return testutil.ToFloat64(p.metrics.errors) >= 2 }, patience, time.Millisecond)
	for n := range uint64(30) {
		p.Offer(numbered(2 + n))
	}
	away.Remove()
	p.Finish()
	require.ErrorContains(t, wait(), "could not be reported")
	account := map[uint64]int{}
	for _, m := range b.read(schema.TopicEvents, "web-1") {
		account[numberOf(t, m)] = 1 // a second try may be there twice
	}
	lost := uint64(0)
	for _, l := range p.TakeLosses(100) {
		lost += l.Lost()
		for seq := l.SeqFrom; seq <= l.SeqTo; seq++ {
			account[seq]++
		}
	}
	require.Positive(t, lost)
	for n := range uint64(32) {
		require.Equal(t, 1, account[n], "number %d", n)
	}
}

// A meta topic that takes nothing, for want of a right or of a leader, does not keep the records from Kafka.
func TestTopicsDoNotWaitForEachOther(t *testing.T) {
	b := newBroker(t)
	b.start()
	denied := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: schema.TopicMeta, Err: kerr.TopicAuthorizationFailed, Count: -1})
	p, _ := newPublisher(t, b, 64<<20)
	p.Offer(meta())
	for n := range uint64(10) {
		p.Offer(numbered(n))
	}
	wait := run(t, p, context.Background())
	require.Eventually(t, func() bool { return testutil.ToFloat64(p.metrics.records) == 10 && p.config.Outage.Err() != nil },
		patience, 10*time.Millisecond)
	require.ErrorContains(t, p.config.Outage.Err(), schema.TopicMeta)
	for n := range uint64(10) { // the outage goes on though records arrive
		p.Offer(numbered(10 + n))
	}
	require.Eventually(t, func() bool { return testutil.ToFloat64(p.metrics.records) == 20 }, patience, 10*time.Millisecond)
	require.Error(t, p.config.Outage.Err())
	denied.Remove()
	p.Finish()
	require.NoError(t, wait())
	require.NoError(t, p.config.Outage.Err())
	require.Len(t, b.read(schema.TopicMeta, "web-1"), 1)
}

// The leader moves: the next try finds the new one long before the metadata's lifetime ends, and nothing is lost or doubled.
func TestFollowsTheLeader(t *testing.T) {
	b := newBroker(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(3, schema.TopicEvents, schema.TopicMeta))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	b.port = portOf(t, cluster.ListenAddrs()[0])
	p, transport := newPublisher(t, b, 64<<20)
	transport.MetadataTTL = time.Hour
	wait := run(t, p, context.Background())
	for n := range uint64(6) {
		for partition := range int32(3) {
			require.NoError(t, cluster.MoveTopicPartition(schema.TopicEvents, partition, int32(n%2)))
		}
		p.Offer(numbered(n))
		require.Eventually(t, func() bool { return testutil.ToFloat64(p.metrics.records) == float64(n+1) }, patience, 5*time.Millisecond)
	}
	p.Finish()
	require.NoError(t, wait())
	require.Positive(t, testutil.ToFloat64(p.metrics.errors))
	for n, m := range b.read(schema.TopicEvents, "web-1") {
		require.Equal(t, uint64(n), numberOf(t, m))
	}
}

func portOf(t *testing.T, addr string) int {
	ap, err := netip.ParseAddrPort(addr)
	require.NoError(t, err)
	return int(ap.Port())
}

// Kafka says nothing to a client that does not authenticate, or not rightly: it closes the connection.
func TestWrongPasswordIsSaid(t *testing.T) {
	b := newBroker(t)
	b.start(kfake.EnableSASL(), kfake.Superuser("PLAIN", "agent", "right"))
	p, transport := newPublisher(t, b, 64<<20)
	transport.SASL = plain.Mechanism{Username: "agent", Password: "wrong"}
	p.Offer(numbered(0))
	ctx, cancel := context.WithCancel(context.Background())
	wait := run(t, p, ctx)
	require.Eventually(t, func() bool { return p.config.Outage.Err() != nil }, patience, 10*time.Millisecond)
	require.ErrorContains(t, p.config.Outage.Err(), "--kafka-sasl and the password")
	cancel()
	require.Error(t, wait())
}

// A leader that only says no costs no new connections: a fleet that asks again every few seconds must not shake hands for it.
func TestARefusalKeepsTheConnections(t *testing.T) {
	b := newBroker(t)
	b.start()
	refusing := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	p, transport := newPublisher(t, b, 64<<20)
	var dials atomic.Int64
	transport.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	p.Offer(numbered(0))
	p.Finish()
	wait := run(t, p, context.Background())
	require.Eventually(t, func() bool { return testutil.ToFloat64(p.metrics.errors) >= 5 }, patience, 10*time.Millisecond)
	require.LessOrEqual(t, dials.Load(), int64(2), "one for metadata, one to the leader")
	refusing.Remove()
	require.NoError(t, wait())
}

// A host whose clock is off and a topic that wants the senders' times: the outage names the topic's setting, and does not end
// while the topic refuses, though the other topic takes what it gets.
func TestWrongTimestampTypeIsNamed(t *testing.T) {
	b := newBroker(t)
	b.start()
	refusing := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: schema.TopicEvents, Err: kerr.InvalidTimestamp, Count: -1})
	var log logged.Text
	transport := &kafka.Transport{}
	logger := slog.New(slog.NewTextHandler(&log, nil))
	p := New(Config{Brokers: []string{b.addr()}, Transport: transport, Limits: Limits{QueueBytes: 64 << 20}, Log: logger,
		Outage: program.NewOutage(logger, "kafka"), Registry: prometheus.NewRegistry()})
	wait := run(t, p, context.Background())
	p.Offer(numbered(0))
	for n := range 5 {
		p.Offer(meta())
		require.Eventually(t, func() bool { return testutil.ToFloat64(p.metrics.errors) > float64(n) }, patience, time.Millisecond)
	}
	require.ErrorContains(t, p.config.Outage.Err(), schema.TopicEvents)
	require.ErrorContains(t, p.config.Outage.Err(), "message.timestamp.type=LogAppendTime")
	require.Equal(t, 1, strings.Count(log.String(), "message.timestamp.type"), "once: %s", log.String())
	require.NotContains(t, log.String(), "available again")
	refusing.Remove()
	p.Finish()
	require.NoError(t, wait())
	require.Equal(t, 1, strings.Count(log.String(), "available again"))
}
