// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

func sampleConnection() Connection {
	return Connection{
		Identity: Identity{Stream: 5, Seq: 41, At: 9_000_000_000, Weight: 1},
		Socket: Socket{Conn: 77, Cookie: 9, NetNS: 4026531840, NetNSCookie: 1, LocalIP: netip.MustParseAddr("10.0.0.1"),
			LocalPort: 43210, RemoteIP: netip.MustParseAddr("2001:db8::2"), RemotePort: 443},
		Owner:    Owner{PID: 12, UID: 1000, Start: 5, How: OwnerConnect, Comm: "curl", Exe: "/usr/bin/curl", CgroupID: 3, CgroupHow: CgroupV2, Container: "abc", Service: "web.service"},
		Context:  Context{PID: 0, Comm: "swapper/1", Kind: CtxIdle},
		Evidence: Evidence{LastState: StateLastAck, Error: -1, Flags: FlagOwned | FlagFinReceived, FirstFin: SidePeer, ResetReason: "TCP_STATE", ResetReasonRaw: Some(14)},
		Counters: Counters{BytesSentRaw: 100, BytesReceivedRaw: 51, RcvNxt: 52, CopiedSeq: 52, SRTTUS: Some(0)},
		Role:     RoleClient, Flavour: FlavourTCP, OpenedAt: Some(8_000_000_000), StackID: 1 << 63,
	}
}

func sampleEvent(seq uint64) Event {
	return Event{Kind: KindDrop, Identity: Identity{Stream: 4, Seq: seq, At: 1, Weight: 3}, Direction: DirectionIn,
		State: StateSynRecv, Reason: "NO_SOCKET", ReasonRaw: Some(3), TCPFlags: 0x12, Length: 1448}
}

func sampleHeader() *Header {
	return &Header{Host: "web-1", BootID: "6f1c9a3e-0000-4000-8000-000000000001", Session: 1 << 60, Run: 7, Number: 3,
		Clock: Clock{Offset: -5, Error: 900}}
}

func sampleBatch(t testing.TB) ([]byte, Batch) {
	c, l := sampleConnection(), Loss{At: 5, Stream: 4, SeqFrom: 9, SeqTo: 11, Cause: LossRingFull}
	p := Checkpoint{At: 6, Phase: CheckpointPeriodic, Streams: []uint32{4, 5}, Next: []uint64{12, 42}, Names: []string{"own"}, Totals: []uint64{2}}
	e := NewBatchEncoder()
	e.AddConnection(&c)
	want := Batch{Header: *sampleHeader(), Connections: []Connection{c}, Checkpoints: []Checkpoint{p}, Losses: []Loss{l}}
	for _, seq := range []uint64{6, 7, 8, 12} {
		ev := sampleEvent(seq)
		e.AddEvent(&ev)
		want.Events = append(want.Events, ev)
	}
	e.AddLoss(&l)
	e.AddCheckpoint(&p)
	message, ranges, err := e.Finish(sampleHeader())
	require.NoError(t, err)
	want.Ranges = []Range{{5, 41, 41}, {4, 6, 8}, {4, 12, 12}}
	require.Equal(t, want.Ranges, ranges)
	require.Zero(t, e.Records())
	return message, want
}

func TestBatchRoundTrip(t *testing.T) {
	message, want := sampleBatch(t)
	var got Batch
	d := NewBatchDecoder()
	for range 2 { // the second time into used slices
		require.NoError(t, d.Decode(message, &got))
		want.Unknown = got.Unknown
		require.Empty(t, got.Unknown)
		require.Equal(t, want, got)
	}
}

func TestLingeringRoundTrip(t *testing.T) {
	want := []Event{
		{Kind: KindLingering, Identity: Identity{Stream: AgentStream, Seq: 0, At: 2, Weight: 1}, State: StateCloseWait, StateUS: Some(61_000_000)},
		{Kind: KindLingering, Identity: Identity{Stream: AgentStream, Seq: 1, At: 2, Weight: 1}, State: StateFinWait2},
	}
	e := NewBatchEncoder()
	for i := range want {
		e.AddEvent(&want[i])
	}
	message, ranges, err := e.Finish(sampleHeader())
	require.NoError(t, err)
	require.Equal(t, []Range{{AgentStream, 0, 1}}, ranges)
	var got Batch
	require.NoError(t, NewBatchDecoder().Decode(message, &got))
	require.Equal(t, want, got.Events)
}

// Golden samples are kept for ever: a message written by any released version stays readable.
func TestGoldenBatch(t *testing.T) {
	message, want := sampleBatch(t)
	var got Batch
	require.NoError(t, NewBatchDecoder().Decode(golden(t, "batch.v1.hex", message), &got))
	want.Unknown = got.Unknown
	require.Equal(t, want, got)
}

// Any msgpack library reads it; a newer agent's appended fields and unknown kinds do not disturb an older decoder, and an
// older agent's missing fields are absent.
func TestBatchGrows(t *testing.T) {
	message, want := sampleBatch(t)
	var generic []any
	require.NoError(t, msgpack.Unmarshal(message, &generic))
	require.Len(t, generic, headerFields)
	rows := generic[8].([]any)
	rows[0] = append(rows[0].([]any), "new", []any{1, map[string]any{"k": 1.5}}, nil)
	rows[1] = rows[1].([]any)[:7]
	rows = append(rows, []any{200, 3, 99, 1, "a kind of the future"}, []any{201, "that begins with a text", 1.5}, []any{202, 1 << 40})
	generic[8] = rows
	generic = append(generic, "a header field of the future")
	grown, err := msgpack.Marshal(generic)
	require.NoError(t, err)

	var got Batch
	require.NoError(t, NewBatchDecoder().Decode(grown, &got))
	require.Equal(t, want.Connections, got.Connections)
	require.Equal(t, []UnknownRow{{Kind: 200, Stream: 3, Seq: 99}, {Kind: 201}, {Kind: 202}}, got.Unknown)
	short := got.Events[0]
	require.Equal(t, want.Events[0].Identity, short.Identity)
	require.Equal(t, Event{Kind: KindDrop, Identity: short.Identity, Socket: Socket{}}, Event{Kind: short.Kind, Identity: short.Identity, Reason: short.Reason})
	require.Equal(t, want.Events[1:], got.Events[1:])
}

func TestMalformedBatches(t *testing.T) {
	message, want := sampleBatch(t)
	for name, bad := range map[string][]byte{
		"empty":            nil,
		"a huge array":     {0xdd, 0x04, 0, 0, 0},
		"a map":            {0x81, 0x01, 0x02},
		"another version":  {0x99, 0x02, 0xa0, 0xa0, 0, 0, 0, 0x90, 0x90, 0x90},
		"a float":          {0x99, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0},
		"too short":        message[:len(message)/2],
		"more after it":    append(append([]byte(nil), message...), 1),
		"a huge string":    {0x99, 0x01, 0xdb, 0xff, 0xff, 0xff, 0xff},
		"a negative field": {0x99, 0x01, 0xa0, 0xa0, 0xff, 0, 0, 0x90, 0x90, 0x90},
	} {
		var got Batch
		err := NewBatchDecoder().Decode(bad, &got)
		require.ErrorIs(t, err, ErrMalformed, name)
		require.Empty(t, got.Connections, name)
		require.Empty(t, got.Events, name)
	}
	var got Batch
	require.Error(t, NewBatchDecoder().Decode(message[:len(message)-3], &got))
	require.Equal(t, want.Header, got.Header, "what the header says stays, so that the loss can be counted")
}

func FuzzBatch(f *testing.F) {
	message, _ := sampleBatch(f)
	f.Add(message)
	f.Add([]byte{0xdd, 0x04, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var got Batch
		err := NewBatchDecoder().Decode(b, &got)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		e := NewBatchEncoder()
		for i := range got.Connections {
			e.AddConnection(&got.Connections[i])
		}
		again, _, err := e.Finish(&got.Header)
		require.NoError(t, err)
		var second Batch
		require.NoError(t, NewBatchDecoder().Decode(again, &second))
		require.Equal(t, len(got.Connections), len(second.Connections))
	})
}

func BenchmarkBatch(b *testing.B) {
	c := sampleConnection()
	e := NewBatchEncoder()
	for range BatchRecords {
		e.AddConnection(&c)
	}
	message, _, err := e.Finish(sampleHeader())
	require.NoError(b, err)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for range BatchRecords {
				e.AddConnection(&c)
			}
			_, _, _ = e.Finish(sampleHeader())
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*BatchRecords), "ns/row")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		d, batch := NewBatchDecoder(), Batch{}
		for b.Loop() {
			if err := d.Decode(message, &batch); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*BatchRecords), "ns/row")
	})
}

// A header is read from the bytes before the rows alone.
func TestDecodeHeader(t *testing.T) {
	message, want := sampleBatch(t)
	var h Header
	d := NewBatchDecoder()
	n, err := d.DecodeHeader(message, &h)
	require.NoError(t, err)
	require.Equal(t, want.Header, h)
	again, err := d.DecodeHeader(message[:n], &h)
	require.NoError(t, err)
	require.Equal(t, n, again)
	require.Equal(t, want.Header, h)
	for cut := range n {
		_, err := d.DecodeHeader(message[:cut], &h)
		require.ErrorIs(t, err, ErrMalformed)
	}
}
