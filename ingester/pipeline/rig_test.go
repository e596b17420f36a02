// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/ingester/consume"
	"tcpledger/ingester/jobs/symbolize"
	"tcpledger/ingester/store"
	"tcpledger/internal/clickhouse"
	embedded "tcpledger/internal/devstack/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/schema"
	"tcpledger/test/wait"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

const (
	partitions = 4
	maxWait    = wait.Long
)

// rig is a Kafka and a ClickHouse with the tables, for pipelines to run between.
type rig struct {
	t       testing.TB
	brokers []string
	options embedded.Options
	engine  *embedded.Server
	flags   clickhouse.Flags
	db      *clickhouse.DB
	writer  *kafka.Writer
	timeout time.Duration // how long an insert may go without an answer; 0 for the program's
	memory  int           // max_memory_usage of inserts; 0 for the server's
	said    said          // what the pipelines log
}

// said is what was written so far.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(text)
}

func (s *said) contains(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Contains(s.text.Bytes(), []byte(text))
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return newRigAt(t, clickhousetest.Options(t))
}

func newRigAt(t testing.TB, options embedded.Options) *rig {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, schema.TopicEvents, schema.TopicMeta), kfake.SeedTopics(1, schema.TopicSymbols))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	r := &rig{t: t, brokers: cluster.ListenAddrs(), options: options}
	r.engine = clickhousetest.StartAt(t, r.options)
	r.flags = clickhouse.Flags{Addr: r.engine.Addr(), Database: schema.Database}
	r.db, err = r.flags.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.db.Close()) })
	require.NoError(t, r.db.Migrate(t.Context(), nil))
	transport, err := r.kafka().Transport("test")
	require.NoError(t, err)
	transport.MetadataTTL = time.Second
	r.writer = &kafka.Writer{Addr: kafka.TCP(r.brokers...), RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, Transport: transport,
		Balancer: kafka.BalancerFunc(func(m kafka.Message, ids ...int) int { return m.Partition % len(ids) })}
	t.Cleanup(func() { require.NoError(t, r.writer.Close()) })
	return r
}

func (r *rig) kafka() *kafkaconn.Flags { return &kafkaconn.Flags{Brokers: r.brokers} }

// running is a pipeline at work, with the job that resolves stacks.
type running struct {
	*Pipeline
	outage   *program.Outage // of ClickHouse
	registry *prometheus.Registry
	cancel   context.CancelFunc
	done     chan error
}

// start runs a pipeline of a group that flushes often; it is stopped with the test.
func (r *rig) start(group string) *running { return r.startWith(group, 5_000, 50*time.Millisecond) }

func (r *rig) startWith(group string, flushRows int, interval time.Duration) *running {
	r.t.Helper()
	registry, log := prometheus.NewRegistry(), slog.New(slog.NewTextHandler(io.MultiWriter(&r.said, r.t.Output()), nil))
	transport, err := r.kafka().Transport("test")
	require.NoError(r.t, err)
	dialer, err := r.kafka().Dialer("test")
	require.NoError(r.t, err)
	native, err := r.flags.Native()
	require.NoError(r.t, err)
	if r.timeout > 0 {
		native.ReadTimeout = r.timeout
	}
	if r.memory > 0 {
		native.Settings = append(native.Settings, ch.SettingInt("max_memory_usage", r.memory))
	}
	outage := program.NewOutage(log, "clickhouse")
	db, err := r.flags.Open()
	require.NoError(r.t, err)
	symbols, err := symbolize.New(db, program.NewOutage(log, "clickhouse (symbols)"), registry)
	require.NoError(r.t, err)
	p := New(Config{
		Consumer: consume.New(consume.Config{Brokers: r.brokers, Group: group, Transport: transport, Dialer: dialer, Log: log, Registry: registry,
			Topics: []string{schema.TopicEvents, schema.TopicMeta, schema.TopicSymbols}, MaxBatch: 64 << 20, Rewind: symbols.Rewind, Outage: program.NewOutage(log, "kafka")}),
		Store: store.New(native, r.db.Name, outage, registry), SymbolsStored: symbols.Stored,
		FlushInterval: interval, FlushRows: flushRows, Log: log, Registry: registry,
	})
	ctx, cancel := context.WithCancel(context.Background())
	run := &running{Pipeline: p, outage: outage, registry: registry, cancel: cancel, done: make(chan error, 1)}
	job := make(chan error, 1)
	go func() { job <- symbols.Run(ctx) }()
	go func() {
		err := p.Run(ctx)
		cancel() // nothing to wait for if the pipeline ends by itself
		if jobErr := <-job; !errors.Is(jobErr, context.Canceled) {
			err = errors.Join(err, jobErr)
		}
		run.done <- errors.Join(err, db.Close())
	}()
	r.t.Cleanup(func() { run.stop(r.t) })
	return run
}

// stop ends the pipeline cleanly; more than once does no harm.
func (p *running) stop(t testing.TB) {
	t.Helper()
	p.cancel()
	select {
	case err, ok := <-p.done:
		if ok && !errors.Is(err, context.Canceled) {
			t.Errorf("the pipeline ended: %v", err)
		}
		if ok {
			close(p.done)
		}
	case <-time.After(maxWait):
		t.Error("the pipeline does not end")
	}
}

func (r *rig) send(topic string, partition int, values ...[]byte) {
	r.t.Helper()
	messages := make([]kafka.Message, len(values))
	for i, v := range values {
		messages[i] = kafka.Message{Topic: topic, Partition: partition, Key: keyOf(topic, v), Value: v}
	}
	require.NoError(r.t, r.writer.WriteMessages(r.t.Context(), messages...))
}

// keyOf is the key that an agent gives a message: its build or its host.
func keyOf(topic string, value []byte) []byte {
	if topic == schema.TopicSymbols {
		if piece, err := schema.DecodeSymbols(value); err == nil {
			return []byte(piece.BuildID)
		}
	}
	return []byte("web-1")
}

// number is what a query of one number answers.
func (r *rig) number(query string, args ...any) uint64 {
	r.t.Helper()
	n, err := r.ask(query, args...)
	require.NoError(r.t, err, query)
	return n
}

func (r *rig) ask(query string, args ...any) (n uint64, err error) {
	err = r.db.QueryRow(r.t.Context(), fmt.Sprintf(query, r.db.Name), args...).Scan(&n)
	return n, err
}

// eventually waits until a query answers want, also while ClickHouse is away.
func (r *rig) eventually(want uint64, query string) {
	r.t.Helper()
	var n uint64
	var err error
	for deadline := time.Now().Add(maxWait); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if n, err = r.ask(query); err == nil && n == want {
			return
		}
	}
	require.NoError(r.t, err, query)
	require.Equal(r.t, want, n, query)
}
