// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/internal/retry"
	"tcpledger/schema"
	"tcpledger/test/wait"
)

const patience = wait.Long

// log is written by the uploader and read by the test.
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
	*Uploader
	log *log
}

// loaded is a kernel's code: the tables of what is loaded now.
type loaded struct {
	mu     sync.Mutex
	tables map[string]table
}

func (l *loaded) Table(buildID string) (string, []schema.Symbol, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.tables[buildID]
	return t.module, t.symbols, ok
}

func (l *loaded) unload(buildID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.tables, buildID)
}

// stack has a frame of each of these builds.
func (l *loaded) stack(buildIDs ...string) *schema.Stack {
	var s schema.Stack
	for _, id := range buildIDs {
		s.Frames = append(s.Frames, schema.Frame{Module: l.tables[id].module, BuildID: id, Offset: 1})
	}
	return &s
}

const (
	kernelID  = "85c7e4e2ed76f4417e8aaad7c6b040d2bb897a26"
	moduleID  = "00112233445566778899aabbccddeeff00112233"
	programID = "bpf:fedcba9876543210"
)

// small is vmlinux, a module and a BPF program; the module's symbols need several messages if it is big.
func small() *loaded { return sized(2) }

func big() *loaded { return sized(30_000) }

func sized(symbols int) *loaded {
	module := table{module: "e1000"}
	for i := range symbols {
		module.symbols = append(module.symbols, schema.Symbol{Offset: uint64(i), Name: fmt.Sprintf("function_with_a_long_name_number_%d", i)})
	}
	return &loaded{tables: map[string]table{
		kernelID:  {module: schema.ModuleKernel, symbols: []schema.Symbol{{Offset: 0, Name: "_stext"}, {Offset: 0x100, Name: "tcp_close"}}},
		moduleID:  module,
		programID: {module: schema.ModuleBPF, symbols: []schema.Symbol{{Name: "bpf_prog_fedcba9876543210_of_others"}}},
	}}
}

func newUploader(t *testing.T, broker string, source Source, transport *kafka.Transport, out io.Writer) *Uploader {
	t.Helper()
	u, err := New(Config{Source: source, Brokers: []string{broker}, Transport: transport, Limits: Limits{Delay: 5 * time.Millisecond},
		Log: slog.New(slog.NewTextHandler(out, nil)), Registry: prometheus.NewRegistry()})
	require.NoError(t, err)
	u.policy = retry.Policy{First: 20 * time.Millisecond}
	return u
}

// start runs an uploader until the test ends.
func start(t *testing.T, broker string, source Source) running {
	t.Helper()
	out, transport := &log{}, &kafka.Transport{MetadataTTL: 50 * time.Millisecond}
	u := newUploader(t, broker, source, transport, out)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- u.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		transport.CloseIdleConnections()
	})
	return running{u, out}
}

func (r running) wait(t *testing.T, result string, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return testutil.ToFloat64(r.metrics.tables.WithLabelValues(result)) >= float64(n) },
		patience, 5*time.Millisecond, "%s", r.log)
}

func newBroker(t *testing.T, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, schema.TopicSymbols, schema.TopicBuilds)}, options...)...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// values reads a whole topic with kafka-go's Reader, which the uploader does not use.
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

func TestTablesAreUploadedOncePerFleet(t *testing.T) {
	broker := newBroker(t).ListenAddrs()[0]
	source := big()
	stack := source.stack(kernelID, moduleID, programID)
	first := start(t, broker, source)
	first.Need(stack)
	first.Need(stack)
	first.wait(t, resultPublished, 3)

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
	require.Len(t, builds, 3)
	for _, m := range builds {
		b, err := schema.DecodeBuild(m.Value)
		require.NoError(t, err)
		require.Equal(t, b.BuildID, string(m.Key))
		module, want, ok := source.Table(b.BuildID)
		require.True(t, ok)
		require.Equal(t, schema.Build{BuildID: b.BuildID, Module: module, Pieces: pieces[b.BuildID], Symbols: uint64(len(want))}, *b)
		require.Equal(t, want, tables[b.BuildID])
	}

	second := start(t, broker, source)
	second.Need(stack)
	second.wait(t, resultAlready, 3)
	require.Len(t, values(t, broker, schema.TopicBuilds), 3, "the second uploads nothing")
	require.Zero(t, testutil.ToFloat64(second.metrics.tables.WithLabelValues(resultPublished)))

	second.Need(&schema.Stack{Frames: []schema.Frame{{Module: "gone", BuildID: "aa"}, {}}})
	second.wait(t, resultGone, 1)
	require.Zero(t, testutil.ToFloat64(second.metrics.failures))
}

// The table of a BPF program is taken at once: the program may be unloaded before its turn comes.
func TestABPFProgramMayBeUnloadedBeforeItsTurn(t *testing.T) {
	broker := newBroker(t).ListenAddrs()[0]
	source := small()
	u := newUploader(t, broker, source, &kafka.Transport{}, io.Discard)
	u.Need(source.stack(kernelID, moduleID, programID))
	source.unload(programID)
	source.unload(moduleID)
	require.NoError(t, u.round(context.Background()))
	require.Len(t, values(t, broker, schema.TopicBuilds), 2)
	require.Equal(t, 1.0, testutil.ToFloat64(u.metrics.tables.WithLabelValues(resultGone)), "the module")
}

func TestKafkaIsAwayAtFirst(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().(*net.TCPAddr)
	require.NoError(t, l.Close())

	source := small()
	u := start(t, addr.String(), source)
	u.Need(source.stack(kernelID, moduleID, programID))
	require.Eventually(t, func() bool { return testutil.ToFloat64(u.metrics.failures) >= 3 }, patience, 5*time.Millisecond)
	require.Error(t, u.Err())

	newBroker(t, kfake.Ports(addr.Port))
	u.wait(t, resultPublished, 3)
	require.Eventually(t, func() bool { return u.Err() == nil }, patience, 5*time.Millisecond)
	require.Equal(t, 1, strings.Count(u.log.String(), "not available"), "said once:\n%s", u.log)
	require.Equal(t, 1, strings.Count(u.log.String(), "available again"))
	require.Len(t, values(t, addr.String(), schema.TopicBuilds), 3)
}

func TestAMalformedBuildIsCountedAndPassed(t *testing.T) {
	broker := newBroker(t).ListenAddrs()[0]
	source := small()
	u := start(t, broker, source)
	require.NoError(t, u.topics.writer.WriteMessages(context.Background(), kafka.Message{Topic: schema.TopicBuilds, Value: []byte("not msgpack")}))
	u.Need(source.stack(kernelID))
	u.wait(t, resultPublished, 1)
	require.Equal(t, 1.0, testutil.ToFloat64(u.metrics.malformed))
}

func TestWaitingTablesAreBounded(t *testing.T) {
	u := newUploader(t, "127.0.0.1:1", &loaded{}, &kafka.Transport{}, io.Discard)
	for i := range maxBuilds + 10 {
		u.Need(&schema.Stack{Frames: []schema.Frame{{BuildID: fmt.Sprintf("bpf:%d", i), Module: schema.ModuleBPF}}})
	}
	require.Len(t, u.missing(), maxBuilds)
	require.Equal(t, 10.0, testutil.ToFloat64(u.metrics.tables.WithLabelValues(resultDropped)))
}

// An uploader that waits its random part of a long delay ends with ctx.
func TestTheDelayEndsWithTheContext(t *testing.T) {
	broker := newBroker(t).ListenAddrs()[0]
	source := small()
	u := newUploader(t, broker, source, &kafka.Transport{}, io.Discard)
	u.delay = 24 * time.Hour
	u.Need(source.stack(kernelID))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- u.Run(ctx) }()
	cancel()
	select {
	case err := <-ended:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(patience):
		t.Fatal("the uploader does not end")
	}
	require.NoError(t, u.Err(), "an end is no outage")
}
