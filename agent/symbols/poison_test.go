// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/kafka/fetch/fetchtest"
	"tcpledger/schema"
)

// Batches that unpack to hundreds of megabytes or claim a million million headers end no agent: they are counted and passed, and
// the build behind them is seen.
func TestPoisonOnTheBuildsTopicIsPassed(t *testing.T) {
	broker := newBroker(t).ListenAddrs()[0]
	client := &kafka.Client{Addr: kafka.TCP(broker)}
	source := small()
	there, err := schema.EncodeBuild(&schema.Build{BuildID: kernelID, Module: "kernel", Pieces: 1, Symbols: 1})
	require.NoError(t, err)
	for _, batch := range [][]byte{
		fetchtest.At(time.Now(), fetchtest.Bomb(t, fetchtest.Zstd, 1, 400<<20)),
		fetchtest.At(time.Now(), fetchtest.Bomb(t, fetchtest.Gzip, 10, 40<<20)),
		fetchtest.At(time.Now(), fetchtest.Batch(0, 1, fetchtest.Record{Value: []byte("x"), ClaimHeaders: 1 << 40}.Append(nil))),
		fetchtest.At(time.Now(), fetchtest.Batch(0, 1, fetchtest.Record{Value: there}.Append(nil))),
	} {
		fetchtest.Produce(t, client, schema.TopicBuilds, 0, batch)
	}
	before := allocated()
	u := start(t, broker, source)
	u.Need(source.stack(kernelID))
	u.wait(t, resultAlready, 1)
	require.GreaterOrEqual(t, testutil.ToFloat64(u.metrics.malformed), 3.0)
	require.Less(t, allocated()-before, uint64(64<<20), "all that was ever allocated")
}

// The word that a table was sent is not believed for ever, nor if it is of tomorrow: the table is sent again.
func TestOldWordIsNotBelieved(t *testing.T) {
	for _, at := range []time.Time{time.Now().Add(-31 * 24 * time.Hour), time.Now().Add(48 * time.Hour)} {
		broker := newBroker(t).ListenAddrs()[0]
		source := small()
		there, err := schema.EncodeBuild(&schema.Build{BuildID: kernelID, Module: "kernel", Pieces: 1, Symbols: 1})
		require.NoError(t, err)
		fetchtest.Produce(t, &kafka.Client{Addr: kafka.TCP(broker)}, schema.TopicBuilds, 0,
			fetchtest.At(at, fetchtest.Batch(0, 1, fetchtest.Record{Value: there}.Append(nil))))
		u := start(t, broker, source)
		u.Need(source.stack(kernelID))
		u.wait(t, resultPublished, 1)
	}
}

// allocated is all memory that was ever taken from the heap.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
