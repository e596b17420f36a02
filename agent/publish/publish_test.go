// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tcpledger/internal/program"
	"tcpledger/schema"
)

const patience = 30 * time.Second

// broker is an in-process Kafka on a fixed port with its data on disk, so that it can die and come back.
type broker struct {
	t       *testing.T
	port    int
	dir     string
	cluster *kfake.Cluster
}

func newBroker(t *testing.T) *broker {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &broker{t: t, port: listener.Addr().(*net.TCPAddr).Port, dir: t.TempDir()}
	require.NoError(t, listener.Close())
	t.Cleanup(b.stop)
	return b
}

func (b *broker) start(opts ...kfake.Opt) {
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.Ports(b.port), kfake.NumBrokers(1), kfake.DataDir(b.dir), kfake.SyncWrites(),
		kfake.SeedTopics(3, schema.TopicEvents, schema.TopicMeta)}, opts...)...)
	require.NoError(b.t, err)
	b.cluster = cluster
}

func (b *broker) stop() {
	if b.cluster != nil {
		b.cluster.Close()
		b.cluster = nil
	}
}

func (b *broker) addr() string { return "127.0.0.1:" + strconv.Itoa(b.port) }

// read gives all messages of the partition that the Java client gives a key.
func (b *broker) read(topic, key string) []kafka.Message {
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{b.addr()}, Topic: topic, MaxWait: 50 * time.Millisecond,
		Partition: kafka.Murmur2Balancer{}.Balance(kafka.Message{Key: []byte(key)}, 0, 1, 2)})
	defer func() { _ = reader.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	lag, err := reader.ReadLag(ctx)
	require.NoError(b.t, err)
	var out []kafka.Message
	for range lag {
		m, err := reader.ReadMessage(ctx)
		require.NoError(b.t, err)
		out = append(out, m)
	}
	return out
}

func newPublisher(t *testing.T, b *broker, limit int64) (*Publisher, *kafka.Transport) {
	transport := &kafka.Transport{DialTimeout: time.Second, MetadataTTL: 15 * time.Second, ClientID: "test"}
	log := slog.New(slog.DiscardHandler)
	return New(Config{Brokers: []string{b.addr()}, Transport: transport, QueueBytes: limit, Log: log,
		Outage: program.NewOutage(log, "kafka"), Registry: prometheus.NewRegistry()}), transport
}

// run starts the publisher; the result waits for its end.
func run(t *testing.T, p *Publisher, ctx context.Context) func() error {
	end := make(chan error, 1)
	go func() { end <- p.Run(ctx) }()
	return func() error {
		select {
		case err := <-end:
			return err
		case <-time.After(patience):
			t.Fatal("the publisher does not end")
			return nil
		}
	}
}

func numbered(n uint64) Message {
	m := sample(0, n, n)
	copy(m.Value, strconv.FormatUint(n, 10)+" ")
	return m
}

func numberOf(t *testing.T, m kafka.Message) (n uint64) {
	_, err := fmt.Sscanf(string(m.Value), "%d ", &n)
	require.NoError(t, err)
	return n
}

func TestAllArrivesInOrder(t *testing.T) {
	b := newBroker(t)
	b.start()
	p, _ := newPublisher(t, b, 64<<20)
	before := time.Now()
	for n := range uint64(2000) { // more than one request holds
		p.Offer(numbered(n))
	}
	p.Offer(meta())
	p.Finish()
	require.NoError(t, run(t, p, context.Background())())
	got := b.read(schema.TopicEvents, "web-1")
	require.Len(t, got, 2000)
	for n, m := range got {
		require.Equal(t, uint64(n), numberOf(t, m))
		require.Equal(t, "web-1", string(m.Key))
	}
	header := got[0].Headers[0]
	require.Equal(t, schema.HeaderSentAt, header.Key)
	require.WithinRange(t, time.Unix(0, int64(binary.BigEndian.Uint64(header.Value))), before, time.Now())
	require.Len(t, b.read(schema.TopicMeta, "web-1"), 1)
	require.Equal(t, float64(2000), testutil.ToFloat64(p.metrics.records))
	require.Zero(t, testutil.ToFloat64(p.metrics.queueBytes))
}

// The broker is not there at the start, comes, dies while messages flow, and comes back on the same port.
func TestOutlivesTheBroker(t *testing.T) {
	b := newBroker(t)
	p, _ := newPublisher(t, b, 64<<20)
	wait := run(t, p, context.Background())
	n := uint64(0)
	offer := func(count int) {
		for range count {
			p.Offer(numbered(n))
			n++
		}
	}
	delivered := func(want uint64) {
		require.Eventually(t, func() bool { return testutil.ToFloat64(p.metrics.records) >= float64(want) }, patience, 10*time.Millisecond)
	}
	offer(100)
	require.Eventually(t, func() bool { return p.config.Outage.Err() != nil }, patience, 10*time.Millisecond)
	b.start()
	delivered(100)
	require.NoError(t, p.config.Outage.Err())
	for range 3 {
		offer(50)
		b.stop()
		offer(200)
		require.Eventually(t, func() bool { return p.config.Outage.Err() != nil }, patience, 10*time.Millisecond)
		b.start()
		delivered(n)
	}
	p.Finish()
	require.NoError(t, wait())
	seen := map[uint64]bool{}
	for _, m := range b.read(schema.TopicEvents, "web-1") {
		seen[numberOf(t, m)] = true // a try whose answer was lost may be there twice
	}
	require.Len(t, seen, int(n))
	require.Empty(t, p.TakeLosses(10))
}

func TestOverflowBecomesLossRangesExactly(t *testing.T) {
	b := newBroker(t)
	one := numbered(0)
	p, _ := newPublisher(t, b, 100*one.size())
	checkpoint := numbered(0)
	checkpoint.Checkpoints = 1
	checkpoint.Losses = []schema.Loss{{At: 9, Stream: 7, SeqFrom: 40, SeqTo: 49, Cause: schema.LossRingFull}}
	checkpoint.Ranges = append(checkpoint.Ranges, schema.Range{Stream: 3, From: 5, To: 6})
	p.Offer(checkpoint)
	for n := uint64(1); n < 150; n++ {
		p.Offer(numbered(n))
	}
	require.ErrorContains(t, p.Err(), "full")
	losses := p.TakeLosses(100)
	lost := uint64(0)
	for i, l := range losses {
		if l.Stream == 0 {
			require.Equal(t, schema.LossQueueOverflow, l.Cause)
			require.Zero(t, l.SeqFrom)
			lost = l.Lost()
			losses = append(losses[:i:i], losses[i+1:]...)
			break
		}
	}
	require.Equal(t, []schema.Loss{{Stream: 3, SeqFrom: 5, SeqTo: 6, Cause: schema.LossQueueOverflow},
		{At: 9, Stream: 7, SeqFrom: 40, SeqTo: 49, Cause: schema.LossRingFull}}, losses, "the loss rows of a dropped batch are told again")
	require.Equal(t, float64(lost+2), testutil.ToFloat64(p.metrics.lost.WithLabelValues(schema.LossQueueOverflow)))

	b.start()
	p.Finish()
	require.NoError(t, run(t, p, context.Background())())
	got := b.read(schema.TopicEvents, "web-1")
	require.Equal(t, 150-int(lost), len(got))
	require.Equal(t, lost, numberOf(t, got[0]))
}

// A leader that took the messages and then failed, or whose answer is lost: they are there, so they are not lost as well,
// however many come after them.
func TestWhatMayHaveArrivedIsNotLost(t *testing.T) {
	b := newBroker(t)
	b.start()
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: schema.TopicEvents, Err: kerr.NotEnoughReplicasAfterAppend})
	away := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: schema.TopicEvents, Err: kerr.NotEnoughReplicas, Count: -1})
	one := numbered(0)
	p, _ := newPublisher(t, b, 10*one.size())
	p.Offer(numbered(0))
	p.Offer(numbered(1))
	wait := run(t, p, context.Background())
	require.Eventually(t, func() bool { return testutil.ToFloat64(p.metrics.errors) >= 2 }, patience, time.Millisecond)
	for n := range uint64(30) {
		p.Offer(numbered(2 + n))
	}
	away.Remove()
	p.Finish()
	require.ErrorContains(t, wait(), "could not be told")
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

func TestTooLargeIsALossAndTheRestGoesOn(t *testing.T) {
	b := newBroker(t)
	b.start(kfake.BrokerConfigs(map[string]string{"message.max.bytes": "20000"}))
	p, _ := newPublisher(t, b, 64<<20)
	for n := range uint64(5) {
		m := numbered(n)
		if n == 2 {
			m.Value = make([]byte, 100_000)
			state := uint32(1)
			for i := range m.Value { // does not compress
				state = state*1664525 + 1013904223
				m.Value[i] = byte(state >> 24)
			}
		}
		p.Offer(m)
	}
	p.Finish()
	require.EqualError(t, run(t, p, context.Background())(), "the loss of 1 records could not be told", "nobody took it before the end")
	var got []uint64
	for _, m := range b.read(schema.TopicEvents, "web-1") {
		got = append(got, numberOf(t, m))
	}
	require.Equal(t, []uint64{0, 1, 3, 4}, got)
	require.Equal(t, []schema.Loss{{At: 2, SeqFrom: 2, SeqTo: 2, Cause: schema.LossTooLarge}}, p.TakeLosses(10))
	require.Equal(t, 1.0, testutil.ToFloat64(p.metrics.dropped.WithLabelValues(schema.TopicEvents, schema.LossTooLarge)))
	require.Zero(t, p.Dropped(schema.TopicEvents), "offered again it would be too large again")
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

func TestUnknownTopicSaysHowToMakeIt(t *testing.T) {
	b := newBroker(t)
	b.start()
	p, _ := newPublisher(t, b, 64<<20)
	m := numbered(0)
	m.Topic = "tcpledger.nowhere"
	p.Offer(m)
	wait := run(t, p, context.Background())
	require.Eventually(t, func() bool { return p.config.Outage.Err() != nil }, patience, 10*time.Millisecond)
	require.ErrorContains(t, p.config.Outage.Err(), "tcpledger topics --apply")
	require.NoError(t, b.cluster.CreateTopic("tcpledger.nowhere", 1, nil))
	p.Finish()
	require.NoError(t, wait())
}

func TestWhatIsLeftAtTheDeadlineIsSaid(t *testing.T) {
	b := newBroker(t) // never started
	p, _ := newPublisher(t, b, 64<<20)
	p.Offer(numbered(1))
	p.Offer(sample(0, 2, 9))
	p.Finish()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	require.EqualError(t, run(t, p, ctx)(), "2 messages with 9 records were not delivered to Kafka")
}
