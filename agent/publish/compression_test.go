// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// BenchmarkCompression is why lz4 was chosen: the bytes on the wire for the CPU they cost, for a full batch of
// connections of 40 services.
func BenchmarkCompression(b *testing.B) {
	message := fullBatch(b)
	for _, codec := range []kafka.Compression{kafka.Lz4, kafka.Snappy, kafka.Zstd, kafka.Gzip} {
		b.Run(codec.String(), func(b *testing.B) {
			var out bytes.Buffer
			for b.Loop() {
				out.Reset()
				w := codec.Codec().NewWriter(&out)
				_, err := io.Copy(w, bytes.NewReader(message))
				require.NoError(b, err)
				require.NoError(b, w.Close())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/schema.BatchRecords, "ns/record")
			b.ReportMetric(float64(out.Len())/schema.BatchRecords, "B/record")
		})
	}
}

func fullBatch(b *testing.B) []byte {
	rng := rand.New(rand.NewPCG(1, 5))
	e := schema.NewBatchEncoder()
	at := uint64(9e14)
	for i := range uint64(schema.BatchRecords) {
		at += rng.Uint64N(1e6)
		service := rng.IntN(40)
		name := "service-" + string(rune('a'+service%26))
		e.AddConnection(&schema.Connection{
			Identity: schema.Identity{Stream: uint32(rng.IntN(2) * 4), Seq: 1000 + i, At: at, Weight: 1},
			Socket: schema.Socket{Conn: 1<<40 + i, Cookie: 5000 + i, NetNS: 4026531840, NetNSCookie: 1,
				LocalIP: netip.MustParseAddr("10.1.2.3"), LocalPort: uint16(32768 + rng.IntN(28000)),
				RemoteIP: netip.AddrFrom4([4]byte{10, 1, byte(service), byte(rng.IntN(4))}), RemotePort: uint16(8000 + service)},
			Owner: schema.Owner{PID: uint32(1000 + service), UID: 1000, Start: 8e14 + uint64(service), How: schema.OwnerConnect, Comm: name,
				Exe: "/usr/bin/" + name, CgroupID: uint64(9000 + service), CgroupHow: schema.CgroupV2},
			Context:  schema.Context{PID: uint32(1000 + service), Comm: name, Kind: schema.CtxTask},
			Evidence: schema.Evidence{LastState: schema.StateLastAck, Flags: schema.FlagFinReceived, FirstFin: schema.SidePeer},
			Counters: schema.Counters{BytesSentRaw: rng.Uint64N(5000), BytesReceivedRaw: rng.Uint64N(50000), WriteSeq: rng.Uint32(),
				SndNxt: rng.Uint32(), SndUna: rng.Uint32(), RcvNxt: rng.Uint32(), CopiedSeq: rng.Uint32(), SegsIn: 12, SegsOut: 10,
				SRTTUS: schema.Some(rng.Uint64N(2000)), LastRxAgeMS: schema.Some(rng.Uint64N(100))},
			Role: schema.RoleClient, Flavour: schema.FlavourTCP, OpenedAt: schema.Some(at - rng.Uint64N(1e9)),
			ConnectUS: schema.Some(rng.Uint64N(500)), StackID: 0x1234567890abcdef + uint64(rng.IntN(8)),
		})
	}
	message, _, err := e.Finish(&schema.Header{Host: "web-1"})
	require.NoError(b, err)
	return message
}
