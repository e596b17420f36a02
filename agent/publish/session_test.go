// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/program"
	"tcpledger/schema"
	"tcpledger/test/apachekafka"
)

// TestSessionsThatEnd: Apache Kafka ends a session that does not log in again. No request fails, whether the publisher sends all
// the time or once in a while, and every message is there once.
func TestSessionsThatEnd(t *testing.T) {
	broker := apachekafka.Start(t)
	client := &kafka.Client{Addr: kafka.TCP(broker.Addr())}
	made, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: schema.TopicEvents, NumPartitions: 1, ReplicationFactor: 1}}})
	require.NoError(t, err)
	require.NoError(t, made.Errors[schema.TopicEvents])
	flags := broker.Login()
	transport, err := flags.Transport("sessions", schema.TopicEvents)
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	p := New(Config{Brokers: flags.Brokers, Transport: transport, Limits: DefaultLimits(), Log: log, Outage: program.NewOutage(log, "kafka"),
		Registry: prometheus.NewRegistry()})
	wait := run(t, p, t.Context())
	sent := uint64(0)
	offer := func() {
		p.Offer(numbered(sent))
		sent++
	}
	for end := time.Now().Add(2 * apachekafka.SessionLifetime); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		offer()
	}
	time.Sleep(3 * apachekafka.SessionLifetime / 2) // the session ends while nothing is sent
	offer()
	p.Finish()
	require.NoError(t, wait())
	require.Zero(t, testutil.ToFloat64(p.metrics.errors), "requests that failed")

	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker.Addr()}, Topic: schema.TopicEvents, MaxWait: 50 * time.Millisecond})
	defer func() { require.NoError(t, reader.Close()) }()
	lag, err := reader.ReadLag(t.Context())
	require.NoError(t, err)
	require.Equal(t, sent, uint64(lag))
	for n := range sent {
		m, err := reader.ReadMessage(t.Context())
		require.NoError(t, err)
		require.Equal(t, n, numberOf(t, m))
	}
}
