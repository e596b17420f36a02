// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/schema"
)

func TestAllArrivesInOrder(t *testing.T) {
	b := newBroker(t)
	b.start()
	p, _ := newPublisher(t, b, 64<<20)
	before := time.Now()
	for n := range uint64(2000) { // more than one request holds
		p.Offer(numbered(n))
	}
	p.Offer(meta())
	p.Finish()
	require.NoError(t, run(t, p, context.Background())())
	got := b.read(schema.TopicEvents, "web-1")
	require.Len(t, got, 2000)
	for n, m := range got {
		require.Equal(t, uint64(n), numberOf(t, m))
		require.Equal(t, "web-1", string(m.Key))
	}
	header := got[0].Headers[0]
	require.Equal(t, schema.HeaderSentAt, header.Key)
	require.WithinRange(t, time.Unix(0, int64(binary.BigEndian.Uint64(header.Value))), before, time.Now())
	require.Len(t, b.read(schema.TopicMeta, "web-1"), 1)
	require.Equal(t, float64(2000), testutil.ToFloat64(p.metrics.records))
	require.Zero(t, testutil.ToFloat64(p.metrics.queueBytes))
}

// The broker is not there at the start, comes, dies while messages flow, and comes back on the same port.
func TestOutlivesTheBroker(t *testing.T) {
	b := newBroker(t)
	p, _ := newPublisher(t, b, 64<<20)
	wait := run(t, p, context.Background())
	n := uint64(0)
	offer := func(count int) {
		for range count {
			p.Offer(numbered(n))
			n++
		}
	}
	delivered := func(want uint64) {
		require.Eventually(t, func() bool { return testutil.ToFloat64(p.metrics.records) >= float64(want) }, patience, 10*time.Millisecond)
	}
	offer(100)
	require.Eventually(t, func() bool { return p.config.Outage.Err() != nil }, patience, 10*time.Millisecond)
	b.start()
	delivered(100)
	require.NoError(t, p.config.Outage.Err())
	for range 3 {
		offer(50)
		b.stop()
		offer(200)
		require.Eventually(t, func() bool { return p.config.Outage.Err() != nil }, patience, 10*time.Millisecond)
		b.start()
		delivered(n)
	}
	p.Finish()
	require.NoError(t, wait())
	seen := map[uint64]bool{}
	for _, m := range b.read(schema.TopicEvents, "web-1") {
		seen[numberOf(t, m)] = true // a try whose answer was lost may be there twice
	}
	require.Len(t, seen, int(n))
	require.Empty(t, p.TakeLosses(10))
}

func TestOverflowBecomesLossRangesExactly(t *testing.T) {
	b := newBroker(t)
	one := numbered(0)
	p, _ := newPublisher(t, b, 100*one.Size())
	checkpoint := numbered(0)
	checkpoint.Checkpoints = 1
	checkpoint.Losses = []schema.Loss{{At: 9, Stream: 7, SeqFrom: 40, SeqTo: 49, Cause: schema.LossRingFull}}
	checkpoint.Ranges = append(checkpoint.Ranges, schema.Range{Stream: 3, From: 5, To: 6})
	p.Offer(checkpoint)
	for n := uint64(1); n < 150; n++ {
		p.Offer(numbered(n))
	}
	require.ErrorContains(t, p.Err(), "full")
	losses := p.TakeLosses(100)
	lost := uint64(0)
	for i, l := range losses {
		if l.Stream == 0 {
			require.Equal(t, schema.LossQueueOverflow, l.Cause)
			require.Zero(t, l.SeqFrom)
			lost = l.Lost()
			losses = append(losses[:i:i], losses[i+1:]...)
			break
		}
	}
	require.Equal(t, []schema.Loss{{Stream: 3, SeqFrom: 5, SeqTo: 6, Cause: schema.LossQueueOverflow},
		{At: 9, Stream: 7, SeqFrom: 40, SeqTo: 49, Cause: schema.LossRingFull}}, losses, "the loss rows of a dropped batch are sent again")
	require.Equal(t, float64(lost+2), testutil.ToFloat64(p.metrics.lost.WithLabelValues(schema.LossQueueOverflow)))

	b.start()
	p.Finish()
	require.NoError(t, run(t, p, context.Background())())
	got := b.read(schema.TopicEvents, "web-1")
	require.Equal(t, 150-int(lost), len(got))
	require.Equal(t, lost, numberOf(t, got[0]))
}

func TestTooLargeIsALossAndTheRestGoesOn(t *testing.T) {
	b := newBroker(t)
	b.start(kfake.BrokerConfigs(map[string]string{"message.max.bytes": "20000"}))
	p, _ := newPublisher(t, b, 64<<20)
	for n := range uint64(5) {
		m := numbered(n)
		if n == 2 {
			m.Value = make([]byte, 100_000)
			state := uint32(1)
			for i := range m.Value { // does not compress
				state = state*1664525 + 1013904223
				m.Value[i] = byte(state >> 24)
			}
		}
		p.Offer(m)
	}
	p.Finish()
	require.EqualError(t, run(t, p, context.Background())(), "the loss of 1 records could not be reported", "it was not taken before the end")
	var got []uint64
	for _, m := range b.read(schema.TopicEvents, "web-1") {
		got = append(got, numberOf(t, m))
	}
	require.Equal(t, []uint64{0, 1, 3, 4}, got)
	require.Equal(t, []schema.Loss{{At: 2, SeqFrom: 2, SeqTo: 2, Cause: schema.LossTooLarge}}, p.TakeLosses(10))
	require.Equal(t, 1.0, testutil.ToFloat64(p.metrics.dropped.WithLabelValues(schema.TopicEvents, schema.LossTooLarge)))
	require.Zero(t, p.Dropped(schema.TopicEvents), "offered again it would be too large again")
}

func TestUnknownTopicSaysHowToMakeIt(t *testing.T) {
	b := newBroker(t)
	b.start()
	p, _ := newPublisher(t, b, 64<<20)
	m := numbered(0)
	m.Topic = "tcpledger.nowhere"
	p.Offer(m)
	wait := run(t, p, context.Background())
	require.Eventually(t, func() bool { return p.config.Outage.Err() != nil }, patience, 10*time.Millisecond)
	require.ErrorContains(t, p.config.Outage.Err(), "tcpledger topics --apply")
	require.NoError(t, b.cluster.CreateTopic("tcpledger.nowhere", 1, nil))
	p.Finish()
	require.NoError(t, wait())
}

func TestWhatIsLeftAtTheDeadlineIsSaid(t *testing.T) {
	b := newBroker(t) // never started
	p, _ := newPublisher(t, b, 64<<20)
	p.Offer(numbered(1))
	p.Offer(sample(0, 2, 9))
	p.Finish()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	require.EqualError(t, run(t, p, ctx)(), "2 messages with 9 records were not delivered to Kafka")
}
