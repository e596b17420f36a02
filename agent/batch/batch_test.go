// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/agent/message"
	"tcpledger/schema"
)

func header() schema.Header {
	return schema.Header{Host: "web-1", BootID: "6f1c9a3e-0000-4000-8000-000000000001", Session: 3, Run: 4}
}

func event(stream uint32, seq uint64) *schema.Event {
	return &schema.Event{Kind: schema.KindDrop, Identity: schema.Identity{Stream: stream, Seq: seq, At: 77}}
}

func take(t *testing.T, b *Batch) (message.Message, schema.Batch) {
	m, ok, err := b.Take()
	require.NoError(t, err)
	require.True(t, ok)
	var got schema.Batch
	require.NoError(t, schema.NewBatchDecoder().Decode(m.Value, &got))
	return m, got
}

func TestRowsComeBack(t *testing.T) {
	b := New(DefaultLimits(), header())
	_, ok, err := b.Take()
	require.NoError(t, err)
	require.False(t, ok, "nothing to send")

	loss := schema.Loss{At: 5, Stream: 1, SeqFrom: 8, SeqTo: 9, Cause: schema.LossRingFull}
	b.Event(event(1, 6), 100)
	b.Event(event(1, 7), 101)
	b.Connection(&schema.Connection{Identity: schema.Identity{Stream: 2, Seq: 40}}, 102)
	b.Loss(&loss, 103)
	b.Checkpoint(&schema.Checkpoint{Phase: schema.CheckpointStart}, 104)
	m, got := take(t, b)
	require.Equal(t, message.Message{Topic: schema.TopicEvents, Key: []byte("web-1"), Value: m.Value, Ranges: []schema.Range{{Stream: 1, From: 6, To: 7}, {Stream: 2, From: 40, To: 40}},
		Losses: []schema.Loss{loss}, Records: 5, Checkpoints: 1, At: 100}, m)
	require.Equal(t, m.Ranges, got.Ranges)
	require.Equal(t, []schema.Loss{loss}, got.Losses)
	require.Len(t, got.Connections, 1)
	require.Len(t, got.Checkpoints, 1)
	require.Equal(t, uint64(1), got.Number)
	require.Equal(t, "web-1", got.Host)
	require.Equal(t, uint64(3), got.Session)
	require.Equal(t, uint64(4), got.Run)

	b.Event(event(1, 10), 200)
	m, got = take(t, b)
	require.Equal(t, uint64(2), got.Number)
	require.Empty(t, m.Losses)
	require.Zero(t, m.Checkpoints)
}

func TestClosedByCountBytesAndAge(t *testing.T) {
	b := New(Limits{Records: 3, Bytes: 1 << 20, Age: time.Second}, header())
	require.False(t, b.Due(1<<60), "an empty batch has no age")
	for seq := range uint64(3) {
		require.False(t, b.Due(1000))
		b.Event(event(0, seq), 1000)
	}
	require.True(t, b.Due(1000), "by count")
	take(t, b)
	b.Event(event(0, 3), 2000)
	require.False(t, b.Due(2000+1e9-1))
	require.True(t, b.Due(2000+1e9), "by age")
	take(t, b)

	b = New(Limits{Records: 1000, Bytes: 2000, Age: time.Second}, header())
	n := uint64(0)
	for ; !b.Due(0); n++ {
		b.Event(event(0, n), 0)
	}
	require.Greater(t, n, uint64(10), "by bytes")
	m, _ := take(t, b)
	require.InDelta(t, 2000, len(m.Value), 200)
}

func TestLimits(t *testing.T) {
	limits := DefaultLimits()
	require.NoError(t, limits.Validate())
	for want, bad := range map[string]Limits{
		"--batch-records 0: 1 to 1000":    {0, 2000, 1},
		"--batch-records 1001":            {1001, 2000, 1},
		"--batch-bytes 1: 1KiB to 256KiB": {1, 1, 1},
		"--batch-bytes 1GiB":              {1, 1 << 30, 1},
		"--batch-bytes 4GiB":              {1, 1 << 32, 1},
		"--batch-age 0s: more than 0s":    {1, 2000, 0},
		"--batch-age 2s":                  {1, 2000, 2 * time.Second},
	} {
		require.ErrorContains(t, bad.Validate(), want)
	}
}

func BenchmarkEvent(b *testing.B) {
	batch, e := New(DefaultLimits(), header()), event(0, 0)
	for b.Loop() {
		batch.Event(e, 0)
		e.Seq++
		if batch.Due(0) {
			if _, _, err := batch.Take(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
