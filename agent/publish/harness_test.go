// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/agent/message"
	"tcpledger/internal/program"
	"tcpledger/internal/text"
	"tcpledger/schema"
	"tcpledger/test/wait"
)

const patience = wait.Long

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
	return New(Config{Brokers: []string{b.addr()}, Transport: transport, Limits: Limits{QueueBytes: text.Size(limit)}, Log: log,
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

func numbered(n uint64) message.Message {
	m := sample(0, n, n)
	copy(m.Value, strconv.FormatUint(n, 10)+" ")
	return m
}

func numberOf(t *testing.T, m kafka.Message) (n uint64) {
	_, err := fmt.Sscanf(string(m.Value), "%d ", &n)
	require.NoError(t, err)
	return n
}
