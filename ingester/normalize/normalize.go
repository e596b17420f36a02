// SPDX-License-Identifier: Apache-2.0

// Package normalize turns decoded messages into rows: wall clock from kernel time, the verdict from its evidence, names
// from numbers. All of it is pure. What cannot be a row is rejected, never guessed.
package normalize

import (
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"tcpledger/ingester/row"
	"tcpledger/schema"
)

// Arrival is what the ingester knows about a message beside its bytes. Appended is the broker's time of it, zero if that is not
// known.
type Arrival struct {
	ReceivedAt time.Time
	Appended   time.Time
	ClockOff   bool // the sender's clock was more than an hour off
}

const endOfTime = row.Micros(schema.EndOfTime * 1_000_000)

// Batch appends the rows of b to out and notes in reject what cannot be a row. It fills source. The rows point at source and
// into b.
func Batch(b *schema.Batch, a Arrival, source *row.Source, out *row.Set, reject *row.Reject) {
	boot, err := uuid.Parse(b.BootID)
	if err != nil {
		reject.Add(row.RejectBootID, fmt.Sprintf("boot id %q is no UUID", b.BootID), b.Ranges...)
		for i := range b.Losses {
			reject.Add(row.RejectBootID, "", lossRange(&b.Losses[i]))
		}
		return
	}
	*source = sourceOf(&b.Header, boot, a)
	for i := range b.Connections {
		connection(b, &b.Connections[i], source, out, reject)
	}
	for i := range b.Events {
		event(b, &b.Events[i], source, out, reject)
	}
	for i := range b.Checkpoints {
		checkpoint(b, &b.Checkpoints[i], source, out, reject)
	}
	for i := range b.Losses {
		loss(b, &b.Losses[i], source, out, reject)
	}
	for _, u := range b.Unknown {
		reject.Add(row.RejectUnknownKind, u.Kind.String(), numbersOf(b, u)...)
	}
}

func sourceOf(h *schema.Header, boot uuid.UUID, a Arrival) row.Source {
	return row.Source{Host: h.Host, BootID: boot, Session: h.Session, Run: h.Run, ClockOffsetNS: h.Clock.Offset,
		ClockErrorUS: uint32(min((h.Clock.Error+999)/1000, math.MaxUint32)), ClockOff: a.ClockOff,
		ReceivedAt: row.Micros(a.ReceivedAt.UnixMicro())}
}

// Unreadable appends the ranges of a batch to out as losses, if the header that says them can be believed. Nobody knows when
// the rows happened: the losses have the broker's time of the message, so that they are the same if it is read again.
func Unreadable(b *schema.Batch, a Arrival, source *row.Source, out *row.Set) {
	boot, err := uuid.Parse(b.BootID)
	if err != nil || len(b.Ranges) == 0 {
		return
	}
	numbers := uint64(0)
	for _, r := range b.Ranges {
		if numbers += min(r.To-r.From, schema.MaxRecords) + 1; numbers > schema.MaxRecords {
			return // more than any message holds
		}
	}
	*source = sourceOf(&b.Header, boot, a)
	at := a.Appended
	if at.IsZero() {
		at = a.ReceivedAt
	}
	for _, r := range b.Ranges {
		out.Losses = append(out.Losses, row.Loss{Source: source, At: row.Micros(at.UnixMicro()),
			Loss: &schema.Loss{Stream: r.Stream, SeqFrom: r.From, SeqTo: r.To, Cause: schema.LossUnreadable}})
	}
}

// numbersOf gives the number of a row of an unknown kind, or none if the header does not count it: that kind is not numbered.
func numbersOf(b *schema.Batch, u schema.UnknownRow) []schema.Range {
	for _, r := range b.Ranges {
		if r.Stream == u.Stream && r.From <= u.Seq && u.Seq <= r.To {
			return []schema.Range{{Stream: u.Stream, From: u.Seq, To: u.Seq}}
		}
	}
	return nil
}

func connection(b *schema.Batch, c *schema.Connection, source *row.Source, out *row.Set, reject *row.Reject) {
	at, ok := wall(&b.Header, c.At)
	if !ok {
		reject.Add(row.RejectTime, outside(c.At), numberOf(&c.Identity))
		return
	}
	r := row.Connection{Ended: c, Verdict: schema.Decide(c), Record: row.Record{Source: source, ID: &c.Identity,
		Socket: &c.Socket, Owner: &c.Owner, Context: &c.Context, At: at, OwnerStart: ownerStart(&b.Header, &c.Owner), Role: c.Role}}
	r.ServicePort = servicePort(r.Role, r.Socket)
	if c.OpenedAt.Known && c.OpenedAt.Value <= c.At {
		r.DurationUS = schema.Some((c.At - c.OpenedAt.Value) / 1000)
	}
	out.Connections = append(out.Connections, r)
}

func event(b *schema.Batch, e *schema.Event, source *row.Source, out *row.Set, reject *row.Reject) {
	at, ok := wall(&b.Header, e.At)
	if !ok {
		reject.Add(row.RejectTime, outside(e.At), numberOf(&e.Identity))
		return
	}
	r := row.Event{Event: e, Record: row.Record{Source: source, ID: &e.Identity, Socket: &e.Socket, Owner: &e.Owner,
		Context: &e.Context, At: at, OwnerStart: ownerStart(&b.Header, &e.Owner)}}
	r.ServicePort = servicePort(r.Role, r.Socket)
	out.Events = append(out.Events, r)
}

func checkpoint(b *schema.Batch, p *schema.Checkpoint, source *row.Source, out *row.Set, reject *row.Reject) {
	at, ok := wall(&b.Header, p.At)
	if !ok {
		reject.Add(row.RejectTime, outside(p.At))
		return
	}
	if len(p.Streams) != len(p.Next) || len(p.Names) != len(p.Totals) {
		reject.Add(row.RejectCheckpoint, fmt.Sprintf("%d streams with %d numbers, %d names with %d totals", len(p.Streams), len(p.Next), len(p.Names), len(p.Totals)))
		return
	}
	totals := make(map[string]uint64, len(p.Names))
	for i, name := range p.Names {
		totals[name] = p.Totals[i]
	}
	out.Checkpoints = append(out.Checkpoints, row.Checkpoint{Source: source, At: at, Phase: p.Phase, Stream: p.Streams, Next: p.Next, Totals: totals})
}

// loss appends a loss. It rejects a range that ends before it begins: such a range would count backwards.
func loss(b *schema.Batch, l *schema.Loss, source *row.Source, out *row.Set, reject *row.Reject) {
	if l.SeqTo < l.SeqFrom {
		reject.Add(row.RejectMalformed, fmt.Sprintf("loss of stream %d from %d to %d", l.Stream, l.SeqFrom, l.SeqTo))
		return
	}
	at, ok := wall(&b.Header, l.At)
	if !ok {
		reject.Add(row.RejectTime, outside(l.At), lossRange(l))
		return
	}
	out.Losses = append(out.Losses, row.Loss{Source: source, At: at, Loss: l})
}

func lossRange(l *schema.Loss) schema.Range {
	return schema.Range{Stream: l.Stream, From: l.SeqFrom, To: max(l.SeqTo, l.SeqFrom)}
}

func numberOf(i *schema.Identity) schema.Range {
	return schema.Range{Stream: i.Stream, From: i.Seq, To: i.Seq}
}

func outside(boot uint64) string {
	return fmt.Sprintf("boot time %d ns is outside 1970 to 2105 by the batch's clock", boot)
}

// wall turns a boot-time moment into the wall clock. It reports false outside 1970 to 2105.
func wall(h *schema.Header, boot uint64) (row.Micros, bool) {
	if boot > math.MaxInt64 || (h.Clock.Offset > 0 && int64(boot) > math.MaxInt64-h.Clock.Offset) {
		return 0, false
	}
	ns := h.Wall(boot)
	at := row.Micros(ns / 1000)
	return at, ns >= 0 && at < endOfTime
}

// ownerStart is absent if it is unknown or outside 1970 to 2105.
func ownerStart(h *schema.Header, o *schema.Owner) schema.Optional {
	if o.Start == 0 {
		return schema.Optional{}
	}
	at, ok := wall(h, o.Start)
	return schema.Optional{Value: uint64(at), Known: ok}
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
