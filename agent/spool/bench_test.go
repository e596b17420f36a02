// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/agent/message"
	"tcpledger/schema"
)

// connections is a full batch as a busy host makes it: 1,000 endings of 40 services.
func connections(t testing.TB, first uint64) message.Message {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, first))
	e := schema.NewBatchEncoder()
	at := uint64(9e14)
	for i := range uint64(schema.BatchRecords) {
		at += rng.Uint64N(1e5)
		service := rng.IntN(40)
		name := fmt.Sprintf("service-%d", service)
		e.AddConnection(&schema.Connection{
			Identity: schema.Identity{Stream: uint32(i % 2 * 4), Seq: first + i/2, At: at, Weight: 1},
			Socket: schema.Socket{Conn: 1<<40 + first + i, Cookie: 5000 + i, NetNS: 4026531840, NetNSCookie: 1,
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
	return finish(t, e, 1, at)
}

// BenchmarkPut is what a record costs on its way to disk, and its bytes there. A segment is synced at its end.
func BenchmarkPut(b *testing.B) {
	q, _ := open(b, b.TempDir(), 1<<30)
	m := connections(b, 0)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, q.Put(&m, false))
	}
	written := float64(b.N * m.Records)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/written, "ns/record")
	b.ReportMetric(written/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(len(appendFrame(nil, &m, 0, 0, 0)))/float64(m.Records), "B/record")
}

// BenchmarkRead is what a record costs on its way back.
func BenchmarkRead(b *testing.B) {
	q, _ := open(b, b.TempDir(), 1<<30)
	m := connections(b, 0)
	left := 0
	b.ReportAllocs()
	for b.Loop() {
		if left == 0 {
			b.StopTimer()
			for range 1000 {
				require.NoError(b, q.Put(&m, false))
			}
			left = 1000
			b.StartTimer()
		}
		got, err := q.Peek(1)
		require.NoError(b, err)
		require.Len(b, got, 1)
		require.NoError(b, q.Done(1))
		left--
	}
	b.ReportMetric(float64(b.N*m.Records)/b.Elapsed().Seconds(), "records/s")
}
