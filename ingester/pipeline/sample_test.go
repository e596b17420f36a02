// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// start of the samples' day, and their clock: boot was at its beginning.
var (
	sampleDay   = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	sampleClock = schema.Clock{Offset: sampleDay.UnixNano(), Error: 1_500}
)

const sampleBoot = "6f1c9a3e-0000-4000-8000-000000000001"

func sampleHeader(session uint64) *schema.Header {
	return &schema.Header{Host: "web-1", BootID: sampleBoot, Session: session, Run: 7, Number: 3, Clock: sampleClock}
}

// sampleConnection ended seconds after the samples' beginning: a client's, reset by its peer.
func sampleConnection(stream uint32, seq uint64, seconds float64) *schema.Connection {
	at := uint64(seconds * 1e9)
	return &schema.Connection{
		Identity: schema.Identity{Stream: stream, Seq: seq, At: at, Weight: 1},
		Socket: schema.Socket{Conn: seq + 1, Cookie: 9, NetNS: 4026531840, NetNSCookie: 1, LocalIP: netip.MustParseAddr("10.0.0.1"),
			LocalPort: 43210, RemoteIP: netip.MustParseAddr("2001:db8::2"), RemotePort: 443},
		Owner: schema.Owner{PID: 12, UID: 1000, Start: 1_000_000_000, How: schema.OwnerConnect, Comm: "curl", Exe: "/usr/bin/curl",
			CgroupID: 3, CgroupHow: schema.CgroupV2, Container: "abc", Service: "web.service", PodUID: "1-2", PodNamespace: "shop", PodName: "api-7"},
		Context: schema.Context{Comm: "swapper/1", Kind: schema.CtxIdle},
		Evidence: schema.Evidence{LastState: schema.StateEstablished, Error: 104, Flags: schema.FlagResetReceived | schema.FlagFinReceived,
			ResetReason: "TCP_STATE", ResetReasonRaw: schema.Some(14)},
		Counters: schema.Counters{BytesSentRaw: 100, BytesRetrans: 10, BytesReceivedRaw: 51, RcvNxt: 52, CopiedSeq: 40, WriteSeq: 30, SndNxt: 20, SndUna: 15,
			SegsIn: 4, SegsOut: 5, Retransmits: 1, SRTTUS: schema.Some(250)},
		Role: schema.RoleClient, Flavour: schema.FlavourTCP, OpenedAt: schema.Some(at - 1_500_000), StackID: 1 << 63,
		Opener: schema.Opener{PID: 11, How: schema.OwnerConnect, Comm: "bash", Exe: "/bin/bash"}, DsackDups: schema.Some(2),
		NAT: schema.Translation{LocalIP: netip.MustParseAddr("192.0.2.1"), LocalPort: 1024, RemoteIP: netip.MustParseAddr("2001:db8::1"), RemotePort: 443},
	}
}

func sampleEvent(kind schema.Kind, stream uint32, seq uint64, seconds float64) *schema.Event {
	return &schema.Event{Kind: kind, Identity: schema.Identity{Stream: stream, Seq: seq, At: uint64(seconds * 1e9), Weight: 3},
		Socket:    schema.Socket{LocalIP: netip.MustParseAddr("10.0.0.1"), LocalPort: 8080, RemoteIP: netip.MustParseAddr("10.0.0.2"), RemotePort: 55555},
		Direction: schema.DirectionIn, State: schema.StateSynRecv, Reason: "NO_SOCKET", ReasonRaw: schema.Some(3), TCPFlags: 0x12, Length: 1448,
		Role: schema.RoleServer, PacketSeq: schema.Some(4_000_000_000), PacketAck: schema.Some(7)}
}

// sampleBatch is a message with n connections and n events of one stream, numbered on from seq.
func sampleBatch(t testing.TB, session uint64, stream uint32, seq uint64, n int) []byte {
	t.Helper()
	e := schema.NewBatchEncoder()
	for i := range uint64(n) {
		e.AddConnection(sampleConnection(stream, seq+2*i, 10+float64(seq+i)/1000))
		e.AddEvent(sampleEvent(schema.KindDrop, stream, seq+2*i+1, 10+float64(seq+i)/1000))
	}
	return finish(t, e, sampleHeader(session))
}

func finish(t testing.TB, e *schema.BatchEncoder, h *schema.Header) []byte {
	t.Helper()
	message, _, err := e.Finish(h)
	require.NoError(t, err)
	return message
}
