// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/internal/kafka/fetch"
	"tcpledger/internal/kafka/fetch/fetchtest"
)

// A batch that nobody can read is handed on as such, after a few tries and with its offsets; the messages before and behind it
// come as ever.
func TestUnreadableBatchIsPassed(t *testing.T) {
	for name, batch := range map[string][]byte{
		"400 MiB of zeros in one message":   fetchtest.Bomb(t, fetchtest.Zstd, 1, 400<<20),
		"400 MiB of zeros in many messages": fetchtest.Bomb(t, fetchtest.Gzip, 4, 100<<20),
		"2^40 headers":                      fetchtest.Batch(0, 1, fetchtest.Record{Value: []byte("x"), ClaimHeaders: 1 << 40}.Append(nil)),
		"garbage":                           fetchtest.Batch(fetchtest.Lz4, 3, []byte("garbage")),
	} {
		t.Run(name, func(t *testing.T) {
			brokers := newCluster(t, kfake.SeedTopics(1, "t"))
			client := &kafka.Client{Addr: kafka.TCP(brokers...)}
			send(t, brokers, "t", kafka.Message{Value: []byte("before")})
			fetchtest.Produce(t, client, "t", 0, batch)
			send(t, brokers, "t", kafka.Message{Value: []byte("behind")})
			count := int64(binary.BigEndian.Uint32(batch[57:]))

			c, lines := newConsumer(t, brokers, "g", "t")
			g := next(t, c)
			require.Equal(t, "before", string(receive(t, g).Value))
			m := receive(t, g)
			require.ErrorIs(t, m.Unreadable, fetch.ErrUnreadable)
			require.Equal(t, int64(1), m.Offset)
			require.Equal(t, count, m.Last)
			require.LessOrEqual(t, len(m.Value), maxRaw)
			require.Equal(t, "behind", string(receive(t, g).Value))
			require.Equal(t, 1, lines.Count("messages cannot be read"))
			require.Equal(t, 1, lines.Count(fmt.Sprintf("offset=1 to_offset=%d", count)))
			require.Equal(t, float64(count), testutil.ToFloat64(c.metrics.unreadable.WithLabelValues("t")))
			require.Zero(t, testutil.ToFloat64(c.metrics.skipped.WithLabelValues("t")))
			require.NoError(t, g.Commit(map[string]map[int]int64{"t": {0: count + 2}}))
			require.Zero(t, testutil.ToFloat64(c.metrics.lag.WithLabelValues("t", "0")))
		})
	}
}

// The lag is that of the last fetch, also while nothing is committed.
func TestLagIsShownBeforeACommit(t *testing.T) {
	brokers := newCluster(t, kfake.SeedTopics(1, "t"))
	send(t, brokers, "t", kafka.Message{Value: []byte("0")}, kafka.Message{Value: []byte("1")})
	c, _ := newConsumer(t, brokers, "g", "t")
	receive(t, next(t, c))
	require.Equal(t, 2.0, testutil.ToFloat64(c.metrics.lag.WithLabelValues("t", "0")))
}
