// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/bpf"
	"tcpledger/schema"
)

// names are those of a kernel of the test's own.
type names struct{}

func (names) ReasonName(r uint32) string      { return map[uint32]string{3: "NO_SOCKET"}[r] }
func (names) ResetReasonName(r uint32) string { return map[uint32]string{14: "TCP_STATE"}[r] }

func comm(s string) (raw [16]byte) {
	copy(raw[:], s)
	return raw
}

func sampleTuple() bpf.Tuple {
	return bpf.Tuple{LocalIP: netip.MustParseAddr("::ffff:10.0.0.1").As16(), RemoteIP: netip.MustParseAddr("2001:db8::2").As16(),
		LocalPort: 43210, RemotePort: 443, Family: 10, NetNS: 4026531840, NetNSCookie: 1, Cookie: 9, Conn: 77}
}

func TestLingeringIsTranslated(t *testing.T) {
	in := bpf.ConnState{Tuple: sampleTuple(), StateAt: 8e9, State: 8,
		Owner: bpf.Owner{StartAt: 5, CgroupID: 3, PID: 12, UID: 1000, How: bpf.OwnerRead, CgroupHow: bpf.CgroupV2, Comm: comm("leaker")}}
	want := schema.Event{
		Kind:     schema.KindLingering,
		Identity: schema.Identity{At: 9e9},
		Socket: schema.Socket{Conn: 77, Cookie: 9, NetNS: 4026531840, NetNSCookie: 1, LocalIP: netip.MustParseAddr("10.0.0.1"), LocalPort: 43210,
			RemoteIP: netip.MustParseAddr("2001:db8::2"), RemotePort: 443},
		Owner:   schema.Owner{PID: 12, UID: 1000, Start: 5, How: schema.OwnerRead, Comm: "leaker", CgroupID: 3, CgroupHow: schema.CgroupV2},
		State:   schema.StateCloseWait,
		StateUS: schema.Some(1_000_000),
	}
	var got schema.Event
	newTranslator(names{}).lingering(&in, 9e9, &got)
	require.Equal(t, want, got)
}

func TestConnectionIsTranslated(t *testing.T) {
	in := bpf.Connection{
		Head:     bpf.Head{Kind: bpf.KindConnection, Stream: 5, Seq: 41, At: 9e9, Weight: 3},
		Tuple:    sampleTuple(),
		Owner:    bpf.Owner{StartAt: 5, CgroupID: 3, PID: 12, UID: 1000, How: bpf.OwnerConnect, CgroupHow: bpf.CgroupV2, Comm: comm("curl")},
		Context:  bpf.Context{PID: 7, Kind: bpf.CtxSoftirq, Comm: comm("ksoftirqd/0")},
		OpenedAt: 8e9, BytesSent: 100, BytesRetrans: 10, BytesReceived: 51, ConnectUS: 33,
		Evidence: bpf.FlagOwned | bpf.FlagFinReceived | bpf.FlagResetSent, Error: 110, ErrorSoft: 113, ResetReason: 14,
		WriteSeq: 1, SndNxt: 2, SndUna: 3, RcvNxt: 4, CopiedSeq: 5, SegsIn: 6, SegsOut: 7, TotalRetrans: 8, SndWnd: 9, SRTTUS: 10,
		LastRxAgeMS: bpf.Absent32, LastTxAgeMS: 12, FirstWho: bpf.SidePeer, FirstEvidence: uint8(bpf.FlagOwned | bpf.FlagFileDead), Role: bpf.RoleServer,
		Flavour: bpf.FlavourMPTCPSubflow, OldState: 9, Shutdown: 3, Retransmits: 2, ProbesOut: 1, DsackDups: 4,
	}
	var got schema.Connection
	newTranslator(names{}).connection(&in, &got)
	require.Equal(t, schema.Connection{
		Identity: schema.Identity{Stream: 5, Seq: 41, At: 9e9, Weight: 3},
		Socket: schema.Socket{Conn: 77, Cookie: 9, NetNS: 4026531840, NetNSCookie: 1, LocalIP: netip.MustParseAddr("10.0.0.1"), LocalPort: 43210,
			RemoteIP: netip.MustParseAddr("2001:db8::2"), RemotePort: 443},
		Owner:   schema.Owner{PID: 12, UID: 1000, Start: 5, How: schema.OwnerConnect, Comm: "curl", CgroupID: 3, CgroupHow: schema.CgroupV2},
		Context: schema.Context{PID: 7, Comm: "ksoftirqd/0", Kind: schema.CtxSoftirq},
		Evidence: schema.Evidence{LastState: schema.StateLastAck, Error: 110, ErrorSoft: 113, Shutdown: 3,
			Flags: schema.FlagOwned | schema.FlagFinReceived | schema.FlagResetSent, FirstFin: schema.SidePeer,
			FirstFinFlags: schema.FlagOwned | schema.FlagFileDead, ResetReason: "TCP_STATE", ResetReasonRaw: schema.Some(14),
			TimerRetries: 2, ProbesOut: 1, SendWindow: 9},
		Counters: schema.Counters{BytesSentRaw: 100, BytesRetrans: 10, BytesReceivedRaw: 51, WriteSeq: 1, SndNxt: 2, SndUna: 3, RcvNxt: 4,
			CopiedSeq: 5, SegsIn: 6, SegsOut: 7, Retransmits: 8, SRTTUS: schema.Some(10), LastTxAgeMS: schema.Some(12)},
		Role: schema.RoleServer, Flavour: schema.FlavourMPTCPSubflow, OpenedAt: schema.Some(8e9), ConnectUS: schema.Some(33), DsackDups: schema.Some(4),
	}, got)
}

func TestAbsentIsAbsent(t *testing.T) {
	in := bpf.Connection{ConnectUS: bpf.Absent32, ResetReason: bpf.Absent32, LastRxAgeMS: bpf.Absent32, LastTxAgeMS: bpf.Absent32,
		Evidence: bpf.FlagResetSent}
	var got schema.Connection
	newTranslator(names{}).connection(&in, &got)
	require.Equal(t, schema.Connection{Owner: schema.Owner{UID: bpf.Absent32}, Evidence: schema.Evidence{Flags: schema.FlagResetSent}, DsackDups: schema.Some(0)}, got)
}

func TestEventIsTranslated(t *testing.T) {
	in := bpf.Event{Head: bpf.Head{Kind: bpf.KindDrop, Stream: 4, Seq: 6, At: 7, Weight: 1}, Tuple: sampleTuple(), Reason: 3, Error: 104, Length: 1448,
		Direction: bpf.DirectionIn, State: 1, OldState: 2, NewState: 3, TCPFlags: 0x12, Role: bpf.RoleServer,
		PacketSeq: 0, PacketAck: 1 << 31, Flags: bpf.EventWithPacket}
	var got schema.Event
	tr := newTranslator(names{})
	tr.event(&in, &got)
	want := schema.Event{Kind: schema.KindDrop, Identity: schema.Identity{Stream: 4, Seq: 6, At: 7, Weight: 1}, Socket: got.Socket,
		Owner: schema.Owner{UID: bpf.Absent32}, Direction: schema.DirectionIn, State: schema.StateEstablished, OldState: schema.StateSynSent,
		NewState: schema.StateSynRecv, Reason: "NO_SOCKET", ReasonRaw: schema.Some(3), Error: 104, TCPFlags: 0x12, Length: 1448, Role: schema.RoleServer,
		PacketSeq: schema.Some(0), PacketAck: schema.Some(1 << 31)}
	require.Equal(t, want, got)
	require.Equal(t, uint64(77), got.Conn)

	in.Head.Kind, in.Reason = bpf.KindResetSent, 14
	tr.event(&in, &got)
	require.Equal(t, "TCP_STATE", got.Reason)
	in.Reason = 99
	tr.event(&in, &got)
	require.Equal(t, "", got.Reason, "a number without a name stays a number")
	require.Equal(t, schema.Some(99), got.ReasonRaw)
	require.False(t, got.PacketAck.Known, "of a drop only")
	in.Reason = bpf.Absent32
	tr.event(&in, &got)
	require.False(t, got.ReasonRaw.Known)
	in.Head.Kind, in.Reason = bpf.KindRetransmit, 4
	tr.event(&in, &got)
	require.Equal(t, schema.RetransmitTimeout, got.Reason)
	require.Equal(t, schema.Some(4), got.ReasonRaw)
	in.TCPFlags, in.PacketAck = 0, 0
	tr.event(&in, &got)
	require.False(t, got.PacketSeq.Known, "a packet that could not be read")
	in.TCPFlags, in.Flags = 0x10, 0
	tr.event(&in, &got)
	require.False(t, got.PacketSeq.Known, "no packet")
}

// Numbers and bits are copied as they are: the last of each would differ first.
func TestNumbersMeanTheSame(t *testing.T) {
	for kind, same := range map[bpf.Kind]schema.Kind{bpf.KindConnection: schema.KindConnection, bpf.KindLingering: schema.KindLingering} {
		require.EqualValues(t, kind, same)
	}
	require.EqualValues(t, bpf.OwnerListener, schema.OwnerListener)
	require.EqualValues(t, bpf.CtxHardirq, schema.CtxHardirq)
	require.EqualValues(t, bpf.CgroupMemory, schema.CgroupMemory)
	require.EqualValues(t, bpf.RoleServer, schema.RoleServer)
	require.EqualValues(t, bpf.FlavourMPTCPSubflow, schema.FlavourMPTCPSubflow)
	require.EqualValues(t, bpf.DirectionOut, schema.DirectionOut)
	require.EqualValues(t, bpf.SidePeer, schema.SidePeer)
	require.EqualValues(t, bpf.FlagSeeded, schema.FlagSeeded)
}

func TestCommsAreInternedAndBounded(t *testing.T) {
	tr := newTranslator(names{})
	require.Equal(t, "a?b", tr.comm(comm("a\xffb")))
	require.Equal(t, "0123456789abcdef", tr.comm(comm("0123456789abcdef")))
	for i := range 3 * maxComms {
		tr.comm([16]byte{'x', byte(i), byte(i >> 8), 1})
	}
	require.LessOrEqual(t, len(tr.comms), maxComms)
	raw := comm("nginx")
	tr.comm(raw)
	require.Zero(t, testing.AllocsPerRun(100, func() { tr.comm(raw) }))
}

func BenchmarkTranslate(b *testing.B) {
	in := bpf.Connection{Tuple: sampleTuple(), Owner: bpf.Owner{Comm: comm("curl")}, Context: bpf.Context{Comm: comm("swapper/0")}}
	var out schema.Connection
	tr := newTranslator(names{})
	b.ReportAllocs()
	for b.Loop() {
		tr.connection(&in, &out)
	}
}
