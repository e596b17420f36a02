// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/schema"
)

const patience = 30 * time.Second

// log is written by the publisher and read by the test.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type running struct {
	*Publisher
	log *log
}

// start runs a publisher until the test ends.
func start(t *testing.T, broker string, r *Resolver) running {
	t.Helper()
	out, transport := &log{}, &kafka.Transport{MetadataTTL: 50 * time.Millisecond}
	p, err := NewPublisher(PublisherConfig{Resolver: r, Brokers: []string{broker}, Transport: transport,
		Delay: 5 * time.Millisecond, Log: slog.New(slog.NewTextHandler(out, nil)), Metrics: prometheus.NewRegistry()})
	require.NoError(t, err)
	p.backoff = func() backoff.BackOff { return backoff.NewConstantBackOff(20 * time.Millisecond) }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		transport.CloseIdleConnections()
	})
	return running{p, out}
}

func (r running) wait(t *testing.T, result string, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return testutil.ToFloat64(r.counters.tables.WithLabelValues(result)) >= float64(n) },
		patience, 5*time.Millisecond, "%s", r.log)
}

func newBroker(t *testing.T, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, schema.TopicSymbols, schema.TopicBuilds)}, options...)...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// values reads a whole topic with kafka-go's Reader, which the publisher does not use.
func values(t *testing.T, broker, topic string) (messages []kafka.Message) {
	t.Helper()
	conn, err := kafka.DialLeader(context.Background(), "tcp", broker, topic, 0)
	require.NoError(t, err)
	end, err := conn.ReadLastOffset()
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, Topic: topic, MaxWait: 10 * time.Millisecond})
	defer func() { require.NoError(t, r.Close()) }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for range end {
		m, err := r.ReadMessage(ctx)
		require.NoError(t, err)
		messages = append(messages, m)
	}
	return messages
}

// big is a kernel whose symbols need several messages.
func big(t *testing.T) fstest.MapFS {
	files := hostFiles(t, here)
	var b strings.Builder
	b.WriteString(here.symbolsOf())
	for i := range 30_000 {
		fmt.Fprintf(&b, "%016x t function_with_a_long_name_number_%d\t[e1000]\n", here.module+0x100+uint64(i), i)
	}
	files["proc/kallsyms"] = &fstest.MapFile{Data: []byte(b.String())}
	return files
}

func TestTablesArePublishedOncePerFleet(t *testing.T) {
	broker := newBroker(t).ListenAddrs()[0]
	r := readResolver(t, big(t))
	stack := r.Stack(here.closing())
	first := start(t, broker, r)
	first.Need(&stack)
	first.Need(&stack)
	first.wait(t, resultPublished, 4) // kernel, e1000, bare, a BPF program

	tables, pieces := map[string][]schema.Symbol{}, map[string]uint32{}
	for _, m := range values(t, broker, schema.TopicSymbols) {
		piece, err := schema.DecodeSymbols(m.Value)
		require.NoError(t, err)
		require.Equal(t, piece.BuildID, string(m.Key))
		require.Equal(t, pieces[piece.BuildID], piece.Piece, "in order")
		tables[piece.BuildID] = append(tables[piece.BuildID], piece.Symbols...)
		pieces[piece.BuildID]++
	}
	require.Greater(t, pieces[moduleID], uint32(1))
	builds := values(t, broker, schema.TopicBuilds)
	require.Len(t, builds, 4)
	for _, m := range builds {
		b, err := schema.DecodeBuild(m.Value)
		require.NoError(t, err)
		require.Equal(t, b.BuildID, string(m.Key))
		module, want, ok := r.Table(b.BuildID)
		require.True(t, ok)
		require.Equal(t, schema.Build{BuildID: b.BuildID, Module: module, Pieces: pieces[b.BuildID], Symbols: uint64(len(want))}, *b)
		require.Equal(t, want, tables[b.BuildID])
	}

	second := start(t, broker, r)
	second.Need(&stack)
	second.wait(t, resultAlready, 4)
	require.Len(t, values(t, broker, schema.TopicBuilds), 4, "the second publishes nothing")
	require.Zero(t, testutil.ToFloat64(second.counters.tables.WithLabelValues(resultPublished)))

	later := schema.Stack{Frames: []schema.Frame{{Module: bpfModule, BuildID: "bpf:" + ownTag}, {Module: "gone", BuildID: "aa"}, {}}}
	second.Need(&later)
	second.wait(t, resultPublished, 1)
	second.wait(t, resultGone, 1)
	require.Zero(t, testutil.ToFloat64(second.counters.failures))
}

func TestABPFProgramMayGoBeforeItsTurn(t *testing.T) {
	broker := newBroker(t).ListenAddrs()[0]
	files := hostFiles(t, here)
	r := readResolver(t, files)
	stack := r.Stack([]uint64{here.kernel + 0x101, here.bpf + 0x410})
	out := &log{}
	p, err := NewPublisher(PublisherConfig{Resolver: r, Brokers: []string{broker}, Transport: &kafka.Transport{},
		Log: slog.New(slog.NewTextHandler(out, nil)), Metrics: prometheus.NewRegistry()})
	require.NoError(t, err)
	p.Need(&stack)
	files["proc/kallsyms"] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(here.symbolsOf(), otherTag, "aaaaaaaaaaaaaaaa"))}
	require.NoError(t, r.Read())
	require.NoError(t, p.round(context.Background()))
	require.Len(t, values(t, broker, schema.TopicBuilds), 2)
}

func TestKafkaIsAwayAtFirst(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().(*net.TCPAddr)
	require.NoError(t, l.Close())

	r := readResolver(t, hostFiles(t, here))
	stack := r.Stack(here.closing())
	p := start(t, addr.String(), r)
	p.Need(&stack)
	require.Eventually(t, func() bool { return testutil.ToFloat64(p.counters.failures) >= 3 }, patience, 5*time.Millisecond)
	require.Error(t, p.Err())

	newBroker(t, kfake.Ports(addr.Port))
	p.wait(t, resultPublished, 4)
	require.Eventually(t, func() bool { return p.Err() == nil }, patience, 5*time.Millisecond)
	require.Equal(t, 1, strings.Count(p.log.String(), "not available"), "said once:\n%s", p.log)
	require.Equal(t, 1, strings.Count(p.log.String(), "available again"))
	require.Len(t, values(t, addr.String(), schema.TopicBuilds), 4)
}

func TestAMalformedBuildIsCountedAndPassed(t *testing.T) {
	broker := newBroker(t).ListenAddrs()[0]
	r := readResolver(t, hostFiles(t, here))
	stack := r.Stack([]uint64{here.kernel})
	p := start(t, broker, r)
	require.NoError(t, p.topics.writer.WriteMessages(context.Background(), kafka.Message{Topic: schema.TopicBuilds, Value: []byte("not msgpack")}))
	p.Need(&stack)
	p.wait(t, resultPublished, 1)
	require.Equal(t, 1.0, testutil.ToFloat64(p.counters.malformed))
}

func TestWhatWaitsIsBounded(t *testing.T) {
	p, err := NewPublisher(PublisherConfig{Resolver: NewResolver(fstest.MapFS{}), Brokers: []string{"127.0.0.1:1"}, Transport: &kafka.Transport{},
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	require.NoError(t, err)
	for i := range knownBuilds + 10 {
		p.Need(&schema.Stack{Frames: []schema.Frame{{BuildID: fmt.Sprintf("bpf:%d", i), Module: bpfModule}}})
	}
	require.Len(t, p.missing(), knownBuilds)
	require.Equal(t, 10.0, testutil.ToFloat64(p.counters.tables.WithLabelValues(resultDropped)))
}
