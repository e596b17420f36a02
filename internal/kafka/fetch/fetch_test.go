// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/internal/kafka/fetch/fetchtest"
	"tcpledger/test/wait"
)

const topic = "t"

var limits = Limits{BatchBytes: 64 << 20, RecordBytes: 8 << 20}

func newBroker(t *testing.T, options ...kfake.Opt) (*kafka.Client, *Client) {
	t.Helper()
	cluster, err := kfake.NewCluster(append(options, kfake.NumBrokers(1), kfake.SeedTopics(1, topic))...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	addr := kafka.TCP(cluster.ListenAddrs()...)
	return &kafka.Client{Addr: addr, Transport: transport}, &Client{Addr: addr, Transport: transport}
}

func get(t *testing.T, c *Client, offset int64) *Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait.Long)
	defer cancel()
	a, err := c.Fetch(ctx, Request{Topic: topic, Offset: offset, MaxBytes: 2 << 20, MaxWait: 100 * time.Millisecond})
	require.NoError(t, err)
	return a
}

// read collects the records of an answer and the first error.
func read(a *Answer, l Limits) (records []Record, err error) {
	for b, err := range a.Batches() {
		if err != nil {
			return records, err
		}
		for r, err := range b.Records(l) {
			if err != nil {
				return records, err
			}
			records = append(records, r)
		}
	}
	return records, nil
}

// What kafka-go's own writer sends is read back, with each codec.
func TestMessagesOfAWriterAreRead(t *testing.T) {
	for codec, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(name, func(t *testing.T) {
			client, c := newBroker(t)
			w := &kafka.Writer{Addr: client.Addr, Topic: topic, RequiredAcks: kafka.RequireAll, Compression: kafka.Compression(codec), BatchTimeout: 10 * time.Millisecond}
			var sent []kafka.Message
			for i := range 300 {
				sent = append(sent, kafka.Message{Key: []byte(strconv.Itoa(i)), Value: bytes.Repeat([]byte{byte(i)}, i*7), Headers: []kafka.Header{{Key: "n", Value: []byte{byte(i)}}}})
			}
			sent = append(sent, kafka.Message{}) // neither key nor value
			require.NoError(t, w.WriteMessages(t.Context(), sent...))
			require.NoError(t, w.Close())
			a := get(t, c, 0)
			require.Equal(t, int64(301), a.HighWatermark)
			var records []Record
			for next := int64(0); next < 301; next = int64(len(records)) {
				more, err := read(get(t, c, next), limits)
				require.NoError(t, err)
				for _, r := range more {
					if r.Offset >= next { // a batch begins before the offset asked for
						records = append(records, r)
					}
				}
			}
			require.Len(t, records, 301)
			for i, r := range records[:300] {
				require.Equal(t, Record{Offset: int64(i), Key: sent[i].Key, Value: sent[i].Value, Headers: []Header{{"n", []byte{byte(i)}}}}, r)
			}
			require.Nil(t, records[300].Key)
			require.Nil(t, records[300].Value)
		})
	}
}

// A few kilobytes that unpack to 400 MiB cost no more memory than the limits allow, however the bytes are cut into records.
func TestBombsStayBelowTheLimits(t *testing.T) {
	const bomb = 400 << 20
	for codec, name := range map[int]string{codecGzip: "gzip", codecSnappy: "snappy", codecLz4: "lz4", codecZstd: "zstd"} {
		for _, size := range []int{100 << 10, bomb} {
			t.Run(fmt.Sprintf("%s/%d", name, size), func(t *testing.T) {
				count := bomb / size
				a := &Answer{Records: fetchtest.Bomb(t, codec, count, size)}
				before, walked := allocated(), 0
				var err error
				for b, intact := range a.Batches() {
					require.NoError(t, intact)
					for _, failed := range b.Records(limits) {
						walked++
						err = failed
					}
				}
				require.ErrorIs(t, err, ErrUnreadable)
				require.Less(t, walked, 700, "of %d", count)
				require.Less(t, allocated()-before, uint64(limits.BatchBytes+(24<<20)), "all that was ever allocated")
			})
		}
	}
}

// allocated is all memory that was ever taken from the heap.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// A record that claims more than its bytes hold is unreadable and allocates nothing for the claim.
func TestClaimsAreCheckedAgainstTheBytes(t *testing.T) {
	for name, batch := range map[string][]byte{
		"2^40 headers":     fetchtest.Batch(0, 1, fetchtest.Record{Value: []byte("x"), ClaimHeaders: 1 << 40}.Append(nil)),
		"2^31-1 records":   fetchtest.Batch(0, 1<<31-1, fetchtest.Record{Value: []byte("x")}.Append(nil)),
		"a record of 2^62": fetchtest.Batch(0, 1, binary.AppendVarint(nil, 1<<62)),
		"a negative size":  fetchtest.Batch(0, 1, binary.AppendVarint(nil, -5)),
		"a value of 2^50":  fetchtest.Batch(0, 1, append(binary.AppendVarint(nil, 10), 0, 0, 0, 1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff)),
		"no codec":         fetchtest.Batch(7, 1, []byte("x")),
		"no such offset":   fetchtest.Batch(0, 1, fetchtest.Record{Delta: 5, Value: []byte("x")}.Append(nil)),
		"an offset twice":  fetchtest.Batch(0, 2, fetchtest.Record{}.Append(fetchtest.Record{}.Append(nil))),
		"a snappy claim":   fetchtest.Batch(codecSnappy, 1, binary.AppendUvarint(nil, 1<<31)),
		"an xerial claim":  fetchtest.Batch(codecSnappy, 1, append(append(bytes.Clone(xerial), 0, 0, 0, 1, 0, 0, 0, 1), 0xff, 0xff, 0xff, 0xff)),
	} {
		before := allocated()
		_, err := read(&Answer{Records: batch}, limits)
		require.ErrorIs(t, err, ErrUnreadable, name)
		require.Less(t, allocated()-before, uint64(9<<20), name)
	}
}

// A window of a zstd stream that is larger than any client's is not allocated.
func TestZstdWindowIsBounded(t *testing.T) {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x03, 0x00, 0x00} // a window of 2 GiB, one empty raw block
	before := allocated()
	_, err := read(&Answer{Records: fetchtest.Batch(codecZstd, 1, frame)}, limits)
	require.ErrorIs(t, err, ErrUnreadable)
	require.Less(t, allocated()-before, uint64(2<<20))
}

// A record over the limit names its offset and shows the beginning of its value; the records before it are read.
func TestLargeRecordIsNamed(t *testing.T) {
	value := append([]byte("beginning"), make([]byte, 9<<20)...)
	plain := fetchtest.Record{Delta: 1, Value: value}.Append(fetchtest.Record{Value: []byte("good")}.Append(nil))
	records, err := read(&Answer{Records: fetchtest.Batch(0, 2, plain)}, limits)
	require.Len(t, records, 1)
	var large *LargeError
	require.ErrorAs(t, err, &large)
	require.Equal(t, int64(1), large.Offset)
	require.True(t, bytes.HasPrefix(large.Prefix, []byte("beginning")))
	require.LessOrEqual(t, len(large.Prefix), prefix)
}

// One flipped byte, wherever it is in what the checksum covers, makes the batch unreadable; its offsets and bytes are known.
func TestFlippedByteIsNoticed(t *testing.T) {
	plain := fetchtest.Record{Delta: 1, Value: []byte("second")}.Append(fetchtest.Record{Value: []byte("first")}.Append(nil))
	good := fetchtest.Batch(0, 2, plain)
	for at := crcAt; at < len(good); at++ {
		bad := bytes.Clone(good)
		bad[at] ^= 0x10
		failed := 0
		for b, err := range (&Answer{Records: append(bad, good...)}).Batches() {
			require.ErrorIs(t, err, ErrUnreadable, "byte %d", at)
			require.Equal(t, int64(0), b.First)
			require.Equal(t, bad[:len(good)], b.Raw)
			failed++
		}
		require.Equal(t, 1, failed, "it is the last of the walk")
	}
}

// A batch at the end of an answer that is cut short is left for the next fetch.
func TestCutBatchIsLeftOut(t *testing.T) {
	good := fetchtest.Batch(0, 1, fetchtest.Record{Value: []byte("first")}.Append(nil))
	for cut := range len(good) {
		records, err := read(&Answer{Records: append(bytes.Clone(good), good[:cut]...)}, limits)
		require.NoError(t, err)
		require.Len(t, records, 1)
	}
	_, err := read(&Answer{Records: good[:len(good)-1]}, limits)
	require.ErrorIs(t, err, ErrUnreadable, "alone it would be asked for for ever")
}

// A batch over MaxAnswer is not read whole; its head says which offsets it takes, and the client goes on with the next.
func TestLargeAnswerIsNotRead(t *testing.T) {
	client, c := newBroker(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "33554432"}))
	large := fetchtest.Batch(0, 1, fetchtest.Record{Value: make([]byte, MaxAnswer+1)}.Append(nil))
	fetchtest.Produce(t, client, topic, 0, large)
	fetchtest.Produce(t, client, topic, 0, fetchtest.Batch(0, 1, fetchtest.Record{Value: []byte("next")}.Append(nil)))
	a := get(t, c, 0)
	require.True(t, a.TooLarge)
	require.Len(t, a.Records, prefix)
	for b, err := range a.Batches() {
		require.ErrorIs(t, err, ErrUnreadable)
		require.Equal(t, int64(0), b.First)
		require.Equal(t, int64(0), b.Last)
	}
	records, err := read(get(t, c, 1), limits)
	require.NoError(t, err)
	require.Equal(t, "next", string(records[0].Value))
}

func TestBrokersErrorIsGiven(t *testing.T) {
	_, c := newBroker(t)
	_, err := c.Fetch(t.Context(), Request{Topic: topic, Offset: 70, MaxBytes: 1 << 20, MaxWait: time.Millisecond})
	require.ErrorIs(t, err, kafka.OffsetOutOfRange)
}

// Whatever an answer and its batches hold, reading ends, within the limits and with an error that is ErrUnreadable.
func FuzzBatches(f *testing.F) {
	plain := fetchtest.Record{Delta: 1, Value: []byte("second")}.Append(fetchtest.Record{Value: []byte("first")}.Append(nil))
	for codec := range 5 {
		f.Add(fetchtest.Batch(codec, 2, fetchtest.Pack(f, codec, func(w io.Writer) { _, _ = w.Write(plain) })), true)
	}
	f.Add([]byte("garbage"), false)
	f.Fuzz(func(t *testing.T, data []byte, sealed bool) {
		if sealed && len(data) >= headSize {
			data = fetchtest.Seal(bytes.Clone(data)) // so that what is behind the checksum is reached
		}
		small := Limits{BatchBytes: 1 << 20, RecordBytes: 64 << 10}
		records, err := read(&Answer{Records: data}, small)
		if err != nil {
			require.ErrorIs(t, err, ErrUnreadable)
		}
		total := 0
		for _, r := range records {
			total += len(r.Key) + len(r.Value)
		}
		require.LessOrEqual(t, total, max(int(small.BatchBytes), len(data)))
	})
}
