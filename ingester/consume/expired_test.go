// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/program/kafkaconn"
	"tcpledger/test/apachekafka"
)

// certificateExpires: the certificate that a client showed expires while its connections live. They live on. New ones are refused and
// said, until another certificate is in the files; then the group goes on without a restart and without a loss.
func certificateExpires(t *testing.T, broker *apachekafka.Broker) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	flags := broker.Mutual(cert, key)
	var g *members
	var until time.Time
	for life := 10 * time.Second; ; life *= 2 { // on a slow machine joining takes long
		until = time.Now().Add(life)
		broker.Authority.Issue(t, until).Write(t, cert, key)
		g = join(t, broker, flags, fmt.Sprintf("expires-%d", life/time.Second), 2, 2)
		if time.Now().Before(until) {
			break
		}
	}
	joined := time.Now()
	rebalances, closed := g.rebalances(), g.closed(joined)
	sent := 0
	through := func() {
		for range 4 {
			value := fmt.Sprint("message ", sent)
			send(t, []string{broker.Addr()}, g.topic, kafka.Message{Value: []byte(value)})
			g.await(value)
			sent++
		}
	}
	through()
	require.NoError(t, reached(t, flags))
	require.Eventually(t, func() bool { return time.Now().After(until) && reached(t, flags) != nil }, 10*maxWait, 100*time.Millisecond, "new connections are refused")
	through()
	require.Equal(t, rebalances, g.rebalances(), "rebalances while the connections live")
	require.Equal(t, closed, g.closed(joined), "connections that the broker closed; a new one it refuses")

	for _, m := range g.all {
		m.cut()
	}
	for _, m := range g.all { // a new connection may have been refused before, and said
		require.Eventually(t, func() bool { return m.lines.Count("not available") > m.lines.Count("available again") }, 2*maxWait, 10*time.Millisecond,
			"each member says that it cannot connect")
	}
	held := fmt.Sprint("message ", sent)
	send(t, []string{broker.Addr()}, g.topic, kafka.Message{Value: []byte(held)})
	sent++
	broker.Authority.Issue(t, time.Now().Add(time.Hour)).Write(t, cert, key)
	g.await(held)
	through()
	require.LessOrEqual(t, g.rebalances()-rebalances, 6.0, "no storm of rebalances")
	for _, m := range g.all { // the rejoining group may refuse a member once more: another outage
		require.Eventually(t, func() bool { return m.lines.Count("not available") == m.lines.Count("available again") }, 2*maxWait, 10*time.Millisecond,
			"each outage is said once, and its end")
	}
	require.Len(t, g.times, sent)
}

// reached asks the broker over a new connection.
func reached(t *testing.T, flags *kafkaconn.Flags) error {
	t.Helper()
	transport, err := flags.Transport("asks")
	require.NoError(t, err)
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), maxWait)
	defer cancel()
	client := kafka.Client{Addr: kafka.TCP(flags.Brokers...), Transport: transport}
	_, err = client.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	return err
}
