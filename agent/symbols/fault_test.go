// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tcpledger/schema"
)

// mute is a connection whose answers may cease to arrive, as through a firewall that forgot it.
type mute struct {
	net.Conn
	on *atomic.Bool
}

func (c mute) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.on.Load() {
			return n, err
		}
	}
}

// A broker that is connected and never answers is an outage that is said, and ends with it.
func TestAMuteBrokerIsAnOutage(t *testing.T) {
	broker := newBroker(t).ListenAddrs()[0]
	var on atomic.Bool
	transport := &kafka.Transport{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return mute{c, &on}, err
	}}
	source := small()
	u := newUploader(t, broker, source, transport, io.Discard)
	require.Positive(t, u.topics.client.Timeout)
	u.topics.client.Timeout = 200 * time.Millisecond // not to wait for it here
	require.NoError(t, u.round(context.Background()), "connected")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	on.Store(true)
	go func() { ended <- u.Run(ctx) }()
	u.Need(source.stack(kernelID))
	require.Eventually(t, func() bool { return u.Err() != nil }, patience, 5*time.Millisecond)
	on.Store(false)
	require.Eventually(t, func() bool { return testutil.ToFloat64(u.metrics.tables.WithLabelValues(resultPublished)) == 1 },
		patience, 5*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// Pieces that Kafka has are not sent again while the builds topic takes nothing: tries go on for as long as that lasts, and
// the symbols topic keeps all for ever.
func TestPiecesAreSentOnce(t *testing.T) {
	cluster := newBroker(t)
	denied := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: schema.TopicBuilds, Err: kerr.TopicAuthorizationFailed, Count: -1})
	broker := cluster.ListenAddrs()[0]
	source := big()
	u := start(t, broker, source)
	u.Need(source.stack(moduleID))
	require.Eventually(t, func() bool { return testutil.ToFloat64(u.metrics.failures) >= 5 }, patience, 5*time.Millisecond)
	denied.Remove()
	u.wait(t, resultPublished, 1)
	builds := values(t, broker, schema.TopicBuilds)
	require.Len(t, builds, 1)
	b, err := schema.DecodeBuild(builds[0].Value)
	require.NoError(t, err)
	require.Greater(t, b.Pieces, uint32(1))
	require.Equal(t, int(b.Pieces), len(values(t, broker, schema.TopicSymbols)))
}
