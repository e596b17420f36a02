// SPDX-License-Identifier: Apache-2.0

// Package fetchtest makes batches for tests byte by byte, also such that no client would send.
package fetchtest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/stretchr/testify/require"
)

// Kafka's numbers of the codecs.
const (
	None = iota
	Gzip
	Snappy
	Lz4
	Zstd
)

// The layout of a batch's head.
const (
	lengthAt     = 8
	magicAt      = 16
	crcAt        = 17
	attributesAt = 21
	lastAt       = 23
	firstTimeAt  = 27
	maxTimeAt    = 35
	producerAt   = 43
	countAt      = 57
	// HeadSize is where the records of a batch begin.
	HeadSize = 61
)

// Record is a record to write. ClaimHeaders is what it says about the number of its headers, of which it has none.
type Record struct {
	Delta        int64
	Key          []byte
	Value        []byte
	ClaimHeaders int64
}

// Append appends the record as it is on the wire.
func (r Record) Append(to []byte) []byte {
	body := []byte{0}
	body = binary.AppendVarint(body, 0)
	body = binary.AppendVarint(body, r.Delta)
	for _, part := range [][]byte{r.Key, r.Value} {
		if part == nil {
			body = binary.AppendVarint(body, -1)
			continue
		}
		body = append(binary.AppendVarint(body, int64(len(part))), part...)
	}
	body = binary.AppendVarint(body, r.ClaimHeaders)
	return append(binary.AppendVarint(to, int64(len(body))), body...)
}

// Batch makes a batch of records that are packed already. Its length and checksum are right.
func Batch(codec int, count int, packed []byte) []byte {
	b := make([]byte, HeadSize, HeadSize+len(packed))
	b[magicAt] = 2
	binary.BigEndian.PutUint16(b[attributesAt:], uint16(codec))
	binary.BigEndian.PutUint32(b[lastAt:], uint32(max(count, 1)-1))
	for i := producerAt; i < countAt; i++ {
		b[i] = 0xff // no producer
	}
	binary.BigEndian.PutUint32(b[countAt:], uint32(count))
	return Seal(append(b, packed...))
}

// At gives a batch the time of its sender.
func At(at time.Time, b []byte) []byte {
	binary.BigEndian.PutUint64(b[firstTimeAt:], uint64(at.UnixMilli()))
	binary.BigEndian.PutUint64(b[maxTimeAt:], uint64(at.UnixMilli()))
	return Seal(b)
}

// Seal makes a batch's length and checksum right.
func Seal(b []byte) []byte {
	binary.BigEndian.PutUint32(b[lengthAt:], uint32(len(b)-lengthAt-4))
	binary.BigEndian.PutUint32(b[crcAt:], crc32.Checksum(b[attributesAt:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// Pack compresses what write writes.
func Pack(t testing.TB, codec int, write func(io.Writer)) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch codec {
	case None:
		write(&out)
		return out.Bytes()
	case Snappy:
		write(&out)
		return snappy.Encode(nil, out.Bytes())
	case Gzip:
		w = gzip.NewWriter(&out)
	case Lz4:
		w = lz4.NewWriter(&out)
	case Zstd:
		z, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		require.NoError(t, err)
		w = z
	}
	write(w)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// Bomb makes a batch of a few kilobytes whose records unpack to count values of size zeros.
func Bomb(t testing.TB, codec, count, size int) []byte {
	t.Helper()
	value := make([]byte, size)
	return Batch(codec, count, Pack(t, codec, func(w io.Writer) {
		var b []byte
		for i := range count {
			b = Record{Delta: int64(i), Value: value}.Append(b[:0])
			_, err := w.Write(b)
			require.NoError(t, err)
		}
	}))
}

// Produce stores a batch as it is.
func Produce(t testing.TB, client *kafka.Client, topic string, partition int, batch []byte) {
	t.Helper()
	set := append(binary.BigEndian.AppendUint32(nil, uint32(len(batch))), batch...)
	response, err := client.RawProduce(t.Context(), &kafka.RawProduceRequest{Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll,
		RawRecords: protocol.RawRecordSet{Reader: bytes.NewReader(set)}})
	require.NoError(t, err)
	require.NoError(t, response.Error)
}
