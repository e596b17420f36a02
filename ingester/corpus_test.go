// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"tcpledger/internal/kafka/fetch/fetchtest"
	"tcpledger/schema"
)

// corpus lists every kind of bad input that was ever found, one throw each.
func (c *chaos) corpus() (throws []func()) {
	for _, topic := range []string{schema.TopicEvents, schema.TopicMeta, schema.TopicSymbols} {
		for name, batch := range badBatches(c.t) {
			throws = append(throws, func() {
				c.t.Logf("%s: %s", topic, name)
				c.throwBatch(topic, batch)
			})
		}
		for _, value := range [][]byte{nil, []byte("garbage"), {0xdd, 4, 0, 0, 0}, {0xc1}, bytes.Repeat([]byte{0x91}, 100_000), bytes.Repeat([]byte{0xff}, 1000)} {
			throws = append(throws, func() { c.throwBad(topic, "victim", value) })
		}
	}
	for _, value := range badEvents(c.t) {
		throws = append(throws, func() { c.throwBad(schema.TopicEvents, "victim", value) })
	}
	return append(throws,
		func() { c.throwBad(schema.TopicEvents, "victim", goodBatch(c.t, "bystander", 0, 0, time.Now())) },
		func() { c.throwBad(schema.TopicEvents, "", goodBatch(c.t, "bystander", 0, 0, time.Now())) },
		func() { c.throwBad(schema.TopicMeta, "victim", goodMeta(c.t, "bystander")) },
		func() { c.throwBad(schema.TopicMeta, "victim", forgedStack(c.t)) },
		func() { c.throwBad(schema.TopicSymbols, "other", symbolPiece(c.t, "name")) },
		func() { c.throwBad(schema.TopicSymbols, "build", symbolPiece(c.t, strings.Repeat("x", 4_000))) },
		func() { c.send(schema.TopicMeta, 0, "victim", manyBuilds(c.t)) }, // honest, and once a question for each build
	)
}

// badBatches are small on the wire and end a reader that believes them.
func badBatches(t *testing.T) map[string][]byte {
	return map[string][]byte{
		"400 MiB of zeros in a message, zstd": fetchtest.Bomb(t, fetchtest.Zstd, 1, 400<<20),
		"400 MiB of zeros in messages, gzip":  fetchtest.Bomb(t, fetchtest.Gzip, 8, 50<<20),
		"150 MiB of zeros in messages, lz4":   fetchtest.Bomb(t, fetchtest.Lz4, 3, 50<<20),
		"10 MiB of zeros in a block, snappy":  fetchtest.Bomb(t, fetchtest.Snappy, 4, 5<<19),
		"2^40 headers":                        fetchtest.Batch(0, 1, fetchtest.Record{Value: []byte("x"), ClaimHeaders: 1 << 40}.Append(nil)),
		"garbage, packed":                     fetchtest.Batch(fetchtest.Zstd, 3, []byte("garbage")),
		"5 MiB in a message":                  fetchtest.Bomb(t, fetchtest.Zstd, 1, 5<<20),
		"garbage": fetchtest.Batch(0, 2, fetchtest.Pack(t, fetchtest.None, func(w io.Writer) {
			_, err := w.Write(bytes.Repeat([]byte{0xff}, 100))
			require.NoError(t, err)
		})),
	}
}

// changed gives a good batch with elements of its array changed.
func changed(t *testing.T, change func(fields []any)) []byte {
	t.Helper()
	var fields []any
	require.NoError(t, msgpack.Unmarshal(goodBatch(t, "victim", 1, 100, time.Now()), &fields))
	change(fields)
	value, err := msgpack.Marshal(fields)
	require.NoError(t, err)
	return value
}

// badEvents contradict themselves or say what cannot be.
func badEvents(t *testing.T) [][]byte {
	const bootID, ranges, rows = 2, 7, 8
	const hour = uint64(time.Hour)
	events := [][]byte{
		changed(t, func(f []any) { f[0] = 2 }),
		changed(t, func(f []any) { f[bootID] = "x" }),
		changed(t, func(f []any) { f[ranges] = []any{[]any{1, 0, uint64(1) << 62}} }),
		changed(t, func(f []any) { f[ranges] = []any{} }),
		changed(t, func(f []any) { f[ranges] = []any{[]any{1, 100, 110}} }),
		changed(t, func(f []any) { f[rows] = append(f[rows].([]any), f[rows].([]any)[0]) }),
		changed(t, func(f []any) { f[rows] = append(f[rows].([]any), []any{200, 1, 110, "a kind of the future"}) }),
		goodBatch(t, "victim", 2, 0, time.Now().Add(30*time.Hour)),
		goodBatch(t, "victim", 2, 0, time.Now().Add(-500*24*time.Hour)),
	}
	add := func(fill func(e *schema.BatchEncoder)) {
		e := schema.NewBatchEncoder()
		fill(e)
		events = append(events, encoded(t, e, "victim", time.Now()))
	}
	add(func(e *schema.BatchEncoder) { e.AddLoss(&schema.Loss{At: hour, Stream: 1, SeqFrom: 0, SeqTo: 1 << 62}) })
	add(func(e *schema.BatchEncoder) {
		e.AddCheckpoint(&schema.Checkpoint{At: hour, Streams: []uint32{1}, Next: []uint64{1 << 62}})
	})
	add(func(e *schema.BatchEncoder) {
		for day := range uint64(200) { // 1,500 days were legal, each a part in ClickHouse
			e.AddConnection(&schema.Connection{Identity: schema.Identity{Stream: 3, Seq: day, At: hour}, Flavour: schema.FlavourTCP})
			e.AddEvent(&schema.Event{Kind: schema.KindDrop, Identity: schema.Identity{Stream: 4, Seq: day, At: hour + 24*hour*day}})
		}
	})
	return events
}

func goodMeta(t *testing.T, host string, stacks ...schema.Stack) []byte {
	t.Helper()
	value, err := schema.EncodeMeta(&schema.Meta{Host: host, BootID: "6f1c9a3e-0000-4000-8000-000000000001", Session: 1, Run: 1, At: time.Now().UnixNano(),
		KernelRelease: "6.18.0", Agent: schema.HostFacts{AgentVersion: "v1", Machine: "x86_64", CPUs: 2}, Stacks: stacks})
	require.NoError(t, err)
	return value
}

func forgedStack(t *testing.T) []byte {
	return goodMeta(t, "victim", schema.Stack{ID: 7, Frames: []schema.Frame{{Module: "kernel", BuildID: "build", Offset: 1}}})
}

func manyBuilds(t *testing.T) []byte {
	var stacks []schema.Stack
	for i := range 3_500 {
		frames := []schema.Frame{{Module: "m", BuildID: fmt.Sprintf("%040x", 2*i), Offset: 1}, {Module: "m", BuildID: fmt.Sprintf("%040x", 2*i+1), Offset: 1}}
		stacks = append(stacks, schema.Stack{ID: schema.StackID(frames), Frames: frames})
	}
	return goodMeta(t, "victim", stacks...)
}

func symbolPiece(t *testing.T, name string) []byte {
	t.Helper()
	pieces, err := schema.EncodeSymbols("build", "kernel", []schema.Symbol{{Offset: 1, Name: name}})
	require.NoError(t, err)
	return pieces[0]
}
