// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/program"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/test/logged"
)

// watched sees the connections of a consumer, and what it logs.
type watched struct {
	lines logged.Text

	mu     sync.Mutex
	open   []net.Conn
	failed []time.Time // when the connection was made, for each read that failed: the broker closed the connection
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

func (w *watched) dial(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.open = append(w.open, conn)
		return watchedConn{conn, w, time.Now()}, nil
	}
}

// cut closes every connection that was made so far.
func (w *watched) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range w.open {
		_ = conn.Close() // some are closed
	}
	w.open = nil
}

// closed counts the connections made before a time that the broker closed.
func (w *watched) closed(before time.Time) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, made := range w.failed {
		if made.Before(before) {
			n++
		}
	}
	return n
}

type watchedConn struct {
	net.Conn
	watched *watched
	made    time.Time
}

func (w watchedConn) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if err != nil {
		w.watched.mu.Lock()
		defer w.watched.mu.Unlock()
		w.watched.failed = append(w.watched.failed, w.made)
	}
	return n, err
}

// newWatchedConsumer makes a member of the group that has the topic's name.
func newWatchedConsumer(t *testing.T, flags *kafkaconn.Flags, topic string) (*Consumer, *watched) {
	t.Helper()
	w := &watched{}
	transport, err := flags.Transport("watched")
	require.NoError(t, err)
	transport.Dial = w.dial(transport.Dial)
	dialer, err := flags.Dialer("watched")
	require.NoError(t, err)
	dialer.DialFunc = w.dial(dialer.DialFunc)
	log := slog.New(slog.NewTextHandler(&w.lines, nil))
	c := New(Config{Brokers: flags.Brokers, Group: topic, Topics: []string{topic}, MaxBatch: 64 << 20, Transport: transport, Dialer: dialer,
		Log: log, Outage: program.NewOutage(log, "kafka"), Registry: prometheus.NewRegistry()})
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c, w
}
