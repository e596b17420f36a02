// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/internal/program"
)

// served is a program's own health and metrics server, as every program has it.
func served(t *testing.T, health *program.Health, registry *prometheus.Registry) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	server, err := program.HTTP{Addr: "127.0.0.1:0", Health: health, Registry: registry}.Listen()
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	return "http://" + server.Addr()
}

func TestProgramPart(t *testing.T) {
	var health program.Health
	registry := program.NewRegistry("tcpledger-ingester")
	base := served(t, &health, registry)
	part := Program("Ingester", base+"/", http.DefaultClient)

	detail, err := part.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, detail, "a program without the metric has no lag")

	lag := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: lagMetric}, []string{"partition"})
	registry.MustRegister(lag)
	lag.WithLabelValues("0").Set(1200)
	lag.WithLabelValues("1").Set(34)
	detail, err = part.Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, "lag 1,234", detail)

	health.Add("kafka", func() error { return nil })
	health.Add("clickhouse", func() error { return errors.New("connection refused") })
	_, err = part.Check(t.Context())
	require.EqualError(t, err, "clickhouse: connection refused")
	require.True(t, condition{Err: err}.Answers())
}

func TestProgramPartAway(t *testing.T) {
	nobody := Program("Agent", "http://127.0.0.1:1", http.DefaultClient)
	_, err := nobody.Check(t.Context())
	require.EqualError(t, err, "dial tcp 127.0.0.1:1: connect: connection refused")
	require.False(t, condition{Err: err}.Answers())

	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	_, err = Program("Agent", other.URL, http.DefaultClient).Check(t.Context())
	require.ErrorContains(t, err, "/healthz answers 404")
}

func TestKafkaPart(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(2))
	require.NoError(t, err)
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	part := Kafka(&kafka.Client{Addr: kafka.TCP(cluster.ListenAddrs()...), Transport: transport})
	detail, err := part.Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, "2 brokers", detail)

	cluster.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err = part.Check(ctx)
	require.Error(t, err, "what the client remembers does not count")
}

// A part is away since it was first seen so, and it is back once it answers.
func TestWatch(t *testing.T) {
	away := errors.New("away")
	var err error
	w := newWatch([]Part{{"A", func(context.Context) (string, error) { return "fine", err }},
		{"B", func(ctx context.Context) (string, error) { return "", ctx.Err() }}})
	first := time.Unix(100, 0)
	require.Equal(t, []condition{{Name: "A", Detail: "fine"}, {Name: "B"}}, w.look(t.Context(), first))
	err = away
	require.Equal(t, condition{Name: "A", Detail: "fine", Err: away, Since: first.Add(1)}, w.look(t.Context(), first.Add(1))[0])
	require.Equal(t, first.Add(1), w.look(t.Context(), first.Add(2))[0].Since)
	err = nil
	require.Zero(t, w.look(t.Context(), first.Add(3))[0].Since)
	err = away
	require.Equal(t, first.Add(4), w.look(t.Context(), first.Add(4))[0].Since)
}
