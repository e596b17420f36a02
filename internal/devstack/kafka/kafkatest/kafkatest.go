// SPDX-License-Identifier: Apache-2.0

// Package kafkatest gives tests an embedded Kafka of their own, in a child process that can be killed.
package kafkatest

import (
	"context"
	"io"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack"
	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/kafka"
	"tcpledger/internal/devstack/port"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/internal/topics"
	"tcpledger/schema"
)

const timeout = time.Minute

// Main is for TestMain: it lets the test binary be the child process of either embedded engine.
func Main(m *testing.M) {
	if child.RunHidden(devstack.Commands()...) {
		return
	}
	m.Run()
}

// Broker is a broker of a test. It ends with the test.
type Broker struct {
	t       testing.TB
	options kafka.Options
	server  *kafka.Server
}

// Start starts a broker and returns its address, "127.0.0.1:port". It ends with the test. The package's TestMain must call
// Main.
func Start(t testing.TB) (addr string) {
	t.Helper()
	return New(t).Addr()
}

// New starts a broker on a free port and an empty directory, for tests that kill it. The package's TestMain must call Main.
func New(t testing.TB) *Broker {
	t.Helper()
	free, err := port.Free()
	require.NoError(t, err)
	b := &Broker{t: t, options: kafka.Options{DataDir: t.TempDir(), Port: free}}
	b.Restart()
	t.Cleanup(b.Stop)
	return b
}

// Addr is "127.0.0.1:port", the same over restarts.
func (b *Broker) Addr() string { return port.Join(b.options.Port) }

// PID is the child's process id.
func (b *Broker) PID() int { return b.server.PID() }

// Restart starts the broker again on the same port and directory, after Kill9 or Stop.
func (b *Broker) Restart() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	server, err := kafka.Start(ctx, b.options)
	require.NoError(b.t, err)
	b.server = server
}

// Kill9 ends the broker with SIGKILL.
func (b *Broker) Kill9() {
	b.t.Helper()
	require.NoError(b.t, b.server.Kill())
}

// Stop ends the broker cleanly; it is no error when it has ended already.
func (b *Broker) Stop() {
	b.t.Helper()
	select {
	case <-b.server.Done():
		return
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	require.NoError(b.t, b.server.Stop(ctx))
}

// Open runs a broker inside the test process, for tests that need no kill, on a free port. It ends with the test.
func Open(t testing.TB) (addr string) {
	t.Helper()
	broker, err := kafka.Open(t.TempDir(), 0, io.Discard)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	return broker.Addr()
}

// Topic creates a topic on the broker at addr, with Kafka's own topic configurations.
func Topic(t testing.TB, addr, name string, partitions int, configs ...map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	client, done, err := topics.NewClient(&kafkaconn.Flags{Brokers: []string{addr}})
	require.NoError(t, err)
	defer done()
	topic := schema.Topic{Name: name, Partitions: partitions, Configs: make(map[string]string)}
	for _, some := range configs {
		maps.Copy(topic.Configs, some)
	}
	require.NoError(t, topics.Ensure(ctx, client, []schema.Topic{topic}, 1))
}
