// SPDX-License-Identifier: Apache-2.0

// Package normalize turns decoded messages into rows: wall clock from kernel time, the verdict from its evidence, names
// from numbers. All of it is pure. It trusts what it is given: internal/judge has taken out what cannot be a row.
package normalize

import (
	"math"
	"time"

	"github.com/google/uuid"

	"tcpledger/ingester/row"
	"tcpledger/schema"
)

const endOfTime = row.Micros(schema.EndOfTime * 1_000_000)

// Arrival is what the ingester knows about a message beside its bytes. Appended is the broker's time of it, or that at which it
// was read if the broker's is not known.
type Arrival struct {
	ReceivedAt time.Time
	Appended   time.Time
	ClockOff   bool // the sender's clock was more than an hour off
}

// Batch appends the rows of a judged batch to out. It fills source. The rows point at source and into b.
func Batch(b *schema.Batch, a Arrival, source *row.Source, out *row.Set) {
	*source = sourceOf(&b.Header, a)
	for i := range b.Connections {
		out.Connections = append(out.Connections, connection(&b.Header, &b.Connections[i], source))
	}
	for i := range b.Events {
		out.Events = append(out.Events, event(&b.Header, &b.Events[i], source))
	}
	for i := range b.Checkpoints {
		out.Checkpoints = append(out.Checkpoints, checkpoint(&b.Header, &b.Checkpoints[i], source))
	}
	for i := range b.Losses {
		l := &b.Losses[i]
		out.Losses = append(out.Losses, row.Loss{Source: source, At: wall(&b.Header, l.At), Loss: l})
	}
}

func sourceOf(h *schema.Header, a Arrival) row.Source {
	boot, _ := uuid.Parse(h.BootID) // the judge has parsed it
	return row.Source{Host: h.Host, BootID: boot, Session: h.Session, Run: h.Run, ClockOffsetNS: h.Clock.Offset,
		ClockErrorUS: uint32(min((h.Clock.Error+999)/1000, math.MaxUint32)), ClockOff: a.ClockOff,
		ReceivedAt: row.Micros(a.ReceivedAt.UnixMicro())}
}

// Unreadable appends the ranges of a batch without rows to out as losses. Nobody knows when the rows happened: the losses have
// the broker's time of the message, so that they are the same if it is read again.
func Unreadable(b *schema.Batch, a Arrival, source *row.Source, out *row.Set) {
	*source = sourceOf(&b.Header, a)
	for _, r := range b.Ranges {
		out.Losses = append(out.Losses, row.Loss{Source: source, At: row.Micros(a.Appended.UnixMicro()),
			Loss: &schema.Loss{Stream: r.Stream, SeqFrom: r.From, SeqTo: r.To, Cause: schema.LossUnreadable}})
	}
}

func connection(h *schema.Header, c *schema.Connection, source *row.Source) row.Connection {
	r := row.Connection{Ended: c, Verdict: schema.Decide(c), Record: row.Record{Source: source, ID: &c.Identity,
		Socket: &c.Socket, Owner: &c.Owner, Context: &c.Context, At: wall(h, c.At), OwnerStart: ownerStart(h, &c.Owner), Role: c.Role}}
	r.ServicePort = servicePort(r.Role, r.Socket)
	if c.OpenedAt.Known && c.OpenedAt.Value <= c.At {
		r.DurationUS = schema.Some((c.At - c.OpenedAt.Value) / 1000)
	}
	return r
}

func event(h *schema.Header, e *schema.Event, source *row.Source) row.Event {
	r := row.Event{Event: e, Record: row.Record{Source: source, ID: &e.Identity, Socket: &e.Socket, Owner: &e.Owner,
		Context: &e.Context, At: wall(h, e.At), OwnerStart: ownerStart(h, &e.Owner), Role: e.Role}}
	if e.Conn != 0 || e.Role != schema.RoleUnknown {
		r.ServicePort = servicePort(r.Role, r.Socket)
	}
	return r
}

func checkpoint(h *schema.Header, p *schema.Checkpoint, source *row.Source) row.Checkpoint {
	totals := make(map[string]uint64, len(p.Names))
	for i, name := range p.Names {
		totals[name] = p.Totals[i]
	}
	return row.Checkpoint{Source: source, At: wall(h, p.At), Phase: p.Phase, Stream: p.Streams, Next: p.Next, Totals: totals}
}

// wall turns a boot-time moment of a judged batch into the wall clock.
func wall(h *schema.Header, boot uint64) row.Micros { return row.Micros(h.Wall(boot) / 1000) }

// ownerStart is absent if it is unknown or outside 1970 to 2105.
func ownerStart(h *schema.Header, o *schema.Owner) schema.Optional {
	if o.Start == 0 {
		return schema.Optional{}
	}
	if o.Start > math.MaxInt64 || (h.Clock.Offset > 0 && int64(o.Start) > math.MaxInt64-h.Clock.Offset) {
		return schema.Optional{}
	}
	at := wall(h, o.Start)
	return schema.Optional{Value: uint64(at), Known: at >= 0 && at < endOfTime}
}

func servicePort(role schema.Role, s *schema.Socket) uint16 {
	switch role {
	case schema.RoleClient:
		return s.RemotePort
	case schema.RoleServer:
		return s.LocalPort
	}
	return min(s.LocalPort, s.RemotePort)
}
