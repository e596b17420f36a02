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
func rowsOf(b *schema.Batch) row.Set {
	var source row.Source
	var out row.Set
	Batch(b, Arrival{ReceivedAt: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), ClockOff: true}, &source, &out)
	return out
}

func batch(offset int64, connections ...schema.Connection) *schema.Batch {
	return &schema.Batch{Header: schema.Header{Host: "h", BootID: boot, Session: 3, Run: 4, Clock: schema.Clock{Offset: offset, Error: 1001}}, Connections: connections}
}

func TestSource(t *testing.T) {
	out := rowsOf(batch(5_000_000_000, schema.Connection{Identity: schema.Identity{At: 1_000_000_999}}))
	c := out.Connections[0]
	require.Equal(t, row.Micros(6_000_000), c.At, "cut to microseconds, by the batch's clock")
	require.Equal(t, uint32(2), c.ClockErrorUS, "rounded up: it must stay a bound")
	require.True(t, c.ClockOff)
	require.Equal(t, boot, c.BootID.String())
	require.Equal(t, int64(1_772_625_600_000_000), int64(c.ReceivedAt))
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
		out := rowsOf(batch(0, schema.Connection{Identity: schema.Identity{At: 10_000_000_000}, OpenedAt: c.opened}))
		require.Equal(t, c.want, out.Connections[0].DurationUS, name)
	}
}

func TestServicePort(t *testing.T) {
	s := &schema.Socket{LocalPort: 8080, RemotePort: 443}
	require.Equal(t, uint16(443), servicePort(schema.RoleClient, s))
	require.Equal(t, uint16(8080), servicePort(schema.RoleServer, s))
	require.Equal(t, uint16(443), servicePort(schema.RoleUnknown, s))
}

// An event has the role and the service port of its connection; without either it has no service port.
func TestServicePortOfEvents(t *testing.T) {
	s := schema.Socket{Conn: 7, LocalPort: 443, RemotePort: 43210}
	loose := s
	loose.Conn = 0
	var out row.Set
	Batch(&schema.Batch{Events: []schema.Event{{Socket: s, Role: schema.RoleServer}, {Socket: s, Role: schema.RoleClient}, {Socket: s},
		{Socket: loose}, {Socket: loose, Role: schema.RoleServer}}}, Arrival{}, &row.Source{}, &out)
	for i, want := range []uint16{443, 43210, 443, 0, 443} {
		require.Equal(t, want, out.Events[i].ServicePort, i)
	}
	require.Equal(t, schema.RoleServer, out.Events[0].Role)
}

func TestOwnerStart(t *testing.T) {
	h := &schema.Header{Clock: schema.Clock{Offset: 1_000}}
	require.Equal(t, schema.Some(3), ownerStart(h, &schema.Owner{Start: 2_500}))
	require.False(t, ownerStart(h, &schema.Owner{}).Known)
	require.False(t, ownerStart(h, &schema.Owner{Start: math.MaxUint64}).Known)
}

func TestCheckpointsAndLosses(t *testing.T) {
	b := batch(1_000_000_000)
	b.Checkpoints = []schema.Checkpoint{{At: 1_000, Streams: []uint32{1}, Next: []uint64{1}, Names: []string{"own_connection"}, Totals: []uint64{7}}}
	b.Losses = []schema.Loss{{At: 2_000_000, Stream: 9, SeqFrom: 1, SeqTo: 5}}
	out := rowsOf(b)
	require.Equal(t, map[string]uint64{"own_connection": 7}, out.Checkpoints[0].Totals)
	require.Equal(t, row.Micros(1_000_001), out.Checkpoints[0].At)
	require.Equal(t, row.Micros(1_002_000), out.Losses[0].At)
}

func TestUnreadable(t *testing.T) {
	b := batch(0)
	b.Ranges = []schema.Range{{Stream: 1, From: 2, To: 3}, {Stream: 2, From: 4, To: 4}}
	var source row.Source
	var out row.Set
	Unreadable(b, Arrival{Appended: time.Unix(9, 0), ReceivedAt: time.Unix(10, 0)}, &source, &out)
	require.Equal(t, []row.Loss{
		{Source: &source, At: 9_000_000, Loss: &schema.Loss{Stream: 1, SeqFrom: 2, SeqTo: 3, Cause: schema.LossUnreadable}},
		{Source: &source, At: 9_000_000, Loss: &schema.Loss{Stream: 2, SeqFrom: 4, SeqTo: 4, Cause: schema.LossUnreadable}}}, out.Losses)
	require.Equal(t, boot, source.BootID.String())
}

func TestHosts(t *testing.T) {
	var source row.Source
	var out row.Set
	Host(&schema.Meta{BootID: boot}, Arrival{}, &source, &out)
	require.Empty(t, out.Hosts, "it only carries stacks")
	Host(&schema.Meta{BootID: boot, At: 5_000, Agent: schema.HostFacts{AgentVersion: "v"}}, Arrival{}, &source, &out)
	require.Equal(t, row.Micros(5), out.Hosts[0].StartedAt)
	require.False(t, out.Hosts[0].MachineID.Valid, "an agent that could not read one")
	Host(&schema.Meta{BootID: boot, Agent: schema.HostFacts{AgentVersion: "v", MachineID: boot}}, Arrival{}, &source, &out)
	require.Equal(t, boot, out.Hosts[1].MachineID.UUID.String())
}

func TestSymbolRows(t *testing.T) {
	var out row.Set
	Symbols(&schema.SymbolPiece{BuildID: "b", Module: "kernel", Piece: 1, Pieces: 2, Hash: 9, Symbols: []schema.Symbol{{Offset: 5, Name: "f"}}}, Arrival{ReceivedAt: time.Unix(3, 0)}, &out)
	require.Equal(t, []row.Symbol{{BuildID: "b", Module: "kernel", Piece: 1, Pieces: 2, Offset: 5, Name: "f", Hash: 9, ReceivedAt: 3_000_000}}, out.Symbols)
}
