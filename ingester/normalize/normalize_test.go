// SPDX-License-Identifier: Apache-2.0

package normalize

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/ingester/row"
	"tcpledger/schema"
)

const boot = "6f1c9a3e-0000-4000-8000-000000000001"

// rowsOf normalizes a batch as it would arrive at noon of 2026-03-04.
func rowsOf(b *schema.Batch) (row.Set, row.Reject) {
	var source row.Source
	var out row.Set
	var reject row.Reject
	Batch(b, Arrival{ReceivedAt: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), ClockOff: true}, &source, &out, &reject)
	return out, reject
}

func batch(offset int64, connections ...schema.Connection) *schema.Batch {
	return &schema.Batch{Header: schema.Header{Host: "h", BootID: boot, Session: 3, Run: 4, Clock: schema.Clock{Offset: offset, Error: 1001}}, Connections: connections}
}

func TestSource(t *testing.T) {
	out, reject := rowsOf(batch(5_000_000_000, schema.Connection{Identity: schema.Identity{At: 1_000_000_999}}))
	require.False(t, reject.Any())
	c := out.Connections[0]
	require.Equal(t, row.Micros(6_000_000), c.At, "cut to microseconds, by the batch's clock")
	require.Equal(t, uint32(2), c.ClockErrorUS, "rounded up: it must stay a bound")
	require.True(t, c.ClockOff)
	require.Equal(t, boot, c.BootID.String())
	require.Equal(t, int64(1_772_625_600_000_000), int64(c.ReceivedAt))
}

func TestTimesOutsideAreRejected(t *testing.T) {
	for name, c := range map[string]struct {
		boot   uint64
		offset int64
		ok     bool
	}{
		"1970":                     {0, 0, true},
		"before 1970":              {0, -1, false},
		"the last moment of 2105":  {4_291_747_199_999_999_999, 0, true},
		"2106":                     {4_291_747_200_000_000_000, 0, false},
		"past what 63 bits hold":   {math.MaxInt64, 1, false},
		"past what 64 bits say":    {math.MaxUint64, math.MaxInt64, false},
		"wrapped into the present": {math.MaxUint64 - 1, 1_772_625_600_000_000_000, false},
	} {
		identity := schema.Identity{Stream: 7, Seq: 8, At: c.boot}
		b := batch(c.offset, schema.Connection{Identity: identity})
		b.Events = []schema.Event{{Kind: schema.KindDrop, Identity: identity}}
		b.Losses = []schema.Loss{{At: c.boot, Stream: 9, SeqFrom: 1, SeqTo: 5}}
		b.Checkpoints = []schema.Checkpoint{{At: c.boot}}
		out, reject := rowsOf(b)
		require.Equal(t, !c.ok, reject.Any(), name)
		if c.ok {
			require.Equal(t, 4, out.Len(), name)
			continue
		}
		require.Zero(t, out.Len(), name)
		require.Equal(t, []schema.Range{{Stream: 7, From: 8, To: 8}, {Stream: 7, From: 8, To: 8}, {Stream: 9, From: 1, To: 5}}, reject.Ranges, name)
		require.Equal(t, []row.RejectKind{row.RejectTime}, reject.Kinds(), name)
	}
}

func TestDurations(t *testing.T) {
	for name, c := range map[string]struct {
		opened schema.Optional
		want   schema.Optional
	}{
		"began before the agent":  {schema.Optional{}, schema.Optional{}},
		"a millisecond and a bit": {schema.Some(8_998_999_500), schema.Some(1_001_000)},
		"no time at all":          {schema.Some(10_000_000_000), schema.Some(0)},
		"began after its end":     {schema.Some(10_000_000_001), schema.Optional{}},
	} {
		out, _ := rowsOf(batch(0, schema.Connection{Identity: schema.Identity{At: 10_000_000_000}, OpenedAt: c.opened}))
		require.Equal(t, c.want, out.Connections[0].DurationUS, name)
	}
}

func TestServicePort(t *testing.T) {
	s := &schema.Socket{LocalPort: 8080, RemotePort: 443}
	require.Equal(t, uint16(443), servicePort(schema.RoleClient, s))
	require.Equal(t, uint16(8080), servicePort(schema.RoleServer, s))
	require.Equal(t, uint16(443), servicePort(schema.RoleUnknown, s))
}

func TestOwnerStart(t *testing.T) {
	h := &schema.Header{Clock: schema.Clock{Offset: 1_000}}
	require.Equal(t, schema.Some(3), ownerStart(h, &schema.Owner{Start: 2_500}))
	require.False(t, ownerStart(h, &schema.Owner{}).Known)
	require.False(t, ownerStart(h, &schema.Owner{Start: math.MaxUint64}).Known)
}

func TestRejectOfTheWholeMessage(t *testing.T) {
	b := batch(0, schema.Connection{Identity: schema.Identity{Stream: 1, Seq: 2}})
	b.BootID, b.Ranges, b.Losses = "x", []schema.Range{{Stream: 1, From: 2, To: 2}}, []schema.Loss{{Stream: 1, SeqFrom: 3, SeqTo: 4}}
	out, reject := rowsOf(b)
	require.Zero(t, out.Len())
	require.Equal(t, []schema.Range{{Stream: 1, From: 2, To: 4}}, reject.Ranges, "the loss in it stays counted")
}

func TestRejectsOfSingleRows(t *testing.T) {
	b := batch(0, schema.Connection{})
	b.Checkpoints = []schema.Checkpoint{
		{Streams: []uint32{1}, Next: []uint64{1}, Names: []string{"own"}, Totals: []uint64{7}},
		{Streams: []uint32{1}}, {Names: []string{"own"}},
	}
	b.Losses = []schema.Loss{{SeqFrom: 5, SeqTo: 4}}
	b.Ranges = []schema.Range{{Stream: 3, From: 10, To: 20}}
	b.Unknown = []schema.UnknownRow{{Kind: 200, Stream: 3, Seq: 15}, {Kind: 201, Stream: 3, Seq: 21}}
	out, reject := rowsOf(b)
	require.Len(t, out.Checkpoints, 1)
	require.Equal(t, map[string]uint64{"own": 7}, out.Checkpoints[0].Totals)
	require.Len(t, out.Connections, 1)
	require.Empty(t, out.Losses)
	require.Equal(t, []row.RejectKind{row.RejectCheckpoint, row.RejectMalformed, row.RejectUnknownKind}, reject.Kinds())
	require.Equal(t, []schema.Range{{Stream: 3, From: 15, To: 15}}, reject.Ranges, "a kind that is not numbered has no number")
}

func TestHosts(t *testing.T) {
	for name, c := range map[string]struct {
		meta   schema.Meta
		usable bool
		hosts  int
		reject bool
	}{
		"a host":              {schema.Meta{BootID: boot, Agent: schema.HostFacts{AgentVersion: "v"}}, true, 1, false},
		"stacks only":         {schema.Meta{BootID: boot}, true, 0, false},
		"no boot":             {schema.Meta{BootID: "b"}, false, 0, true},
		"a time that is none": {schema.Meta{BootID: boot, At: -1, Agent: schema.HostFacts{AgentVersion: "v"}}, true, 0, true},
	} {
		var source row.Source
		var out row.Set
		var reject row.Reject
		require.Equal(t, c.usable, Host(&c.meta, Arrival{}, &source, &out, &reject), name)
		require.Len(t, out.Hosts, c.hosts, name)
		require.Equal(t, c.reject, reject.Any(), name)
	}
}

func TestSymbolRows(t *testing.T) {
	var out row.Set
	Symbols(&schema.SymbolPiece{BuildID: "b", Module: "kernel", Piece: 1, Pieces: 2, Symbols: []schema.Symbol{{Offset: 5, Name: "f"}}}, &out)
	require.Equal(t, []row.Symbol{{BuildID: "b", Module: "kernel", Piece: 1, Pieces: 2, Offset: 5, Name: "f"}}, out.Symbols)
}
