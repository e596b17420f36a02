// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"tcpledger/schema"
)

// Events reads a message of the events topic and notes in r what cannot be stored, with its numbers. The batch holds what can;
// it is valid until the next call. If nothing can, it has the header as far as that could be read, and no rows.
//
// The numbers of a message that is not its sender's are not noted: they would stand in the ledger of another host.
func (j *Judge) Events(m *Message, r *Reject) *schema.Batch {
	b := &j.batch
	if err := j.decoder.Decode(m.Value, b); err != nil {
		if string(m.Key) == b.Host && countable(b.Ranges) {
			r.Add(Malformed, err.Error(), b.Ranges...)
		} else {
			r.Add(Malformed, err.Error())
		}
		return b
	}
	if !keyed(m, b.Host, r) {
		empty(b)
		return b
	}
	if detail := badBoot(b.BootID); detail != "" {
		r.Add(BootID, detail, j.claimed(b)...)
		empty(b)
		return b
	}
	if detail := j.contradicts(b); detail != "" {
		r.Add(Ranges, detail, j.claimed(b)...)
		empty(b)
		return b
	}
	for _, u := range b.Unknown {
		r.Add(UnknownKind, u.Kind.String(), numberOf(b, u)...)
	}
	j.rows(m, b, r)
	return b
}

// rows takes the rows out of b that cannot be.
func (j *Judge) rows(m *Message, b *schema.Batch, r *Reject) {
	j.days = j.days[:0]
	possible := func(id *schema.Identity) bool {
		kind, detail := j.moment(m, &b.Header, id.At)
		if detail == "" && id.Seq > maxNumber(id.At) {
			kind, detail = Number, tooMany(id.Stream, id.Seq, id.At)
		}
		if detail != "" {
			r.Add(kind, detail, schema.Range{Stream: id.Stream, From: id.Seq, To: id.Seq})
		}
		return detail == ""
	}
	b.Connections = keep(b.Connections, func(c *schema.Connection) bool { return possible(&c.Identity) })
	b.Events = keep(b.Events, func(e *schema.Event) bool { return possible(&e.Identity) })
	b.Checkpoints = keep(b.Checkpoints, func(p *schema.Checkpoint) bool { return j.checkpoint(m, b, p, r) })
	b.Losses = keep(b.Losses, func(l *schema.Loss) bool { return j.loss(m, b, l, r) })
}

// keep takes out the rows that are not to stay, in place and without copying those that are.
func keep[T any](rows []T, stays func(*T) bool) []T {
	n := 0
	for i := range rows {
		if !stays(&rows[i]) {
			continue
		}
		if n != i {
			rows[n] = rows[i]
		}
		n++
	}
	return rows[:n]
}

func (j *Judge) checkpoint(m *Message, b *schema.Batch, p *schema.Checkpoint, r *Reject) bool {
	if len(p.Streams) != len(p.Next) || len(p.Names) != len(p.Totals) {
		r.Add(Checkpoint, fmt.Sprintf("%d streams with %d numbers, %d names with %d totals", len(p.Streams), len(p.Next), len(p.Names), len(p.Totals)))
		return false
	}
	if kind, detail := j.moment(m, &b.Header, p.At); detail != "" {
		r.Add(kind, detail)
		return false
	}
	for i, next := range p.Next {
		if next > maxNumber(p.At) {
			r.Add(Number, tooMany(p.Streams[i], next, p.At))
			return false
		}
	}
	return true
}

// loss does not count the numbers of a loss that cannot be: they would be believed then.
func (j *Judge) loss(m *Message, b *schema.Batch, l *schema.Loss, r *Reject) bool {
	switch kind, detail := j.moment(m, &b.Header, l.At); {
	case l.SeqTo < l.SeqFrom:
		r.Add(Malformed, fmt.Sprintf("loss of stream %d from %d to %d", l.Stream, l.SeqFrom, l.SeqTo))
	case l.SeqTo > maxNumber(l.At):
		r.Add(Number, "loss: "+tooMany(l.Stream, l.SeqTo, l.At))
	case detail != "":
		r.Add(kind, detail, schema.Range{Stream: l.Stream, From: l.SeqFrom, To: l.SeqTo})
	default:
		return true
	}
	return false
}

// claimed gives the numbers that a batch which is not stored keeps from the tables: those of its rows and its losses, as far as
// they can be believed.
func (j *Judge) claimed(b *schema.Batch) []schema.Range {
	var out []schema.Range
	if countable(b.Ranges) {
		out = slices.Clone(b.Ranges)
	}
	for i := range b.Losses {
		if l := &b.Losses[i]; l.SeqFrom <= l.SeqTo && l.SeqTo <= maxNumber(l.At) {
			out = append(out, schema.Range{Stream: l.Stream, From: l.SeqFrom, To: l.SeqTo})
		}
	}
	return out
}

// empty takes all rows out of b.
func empty(b *schema.Batch) {
	b.Connections, b.Events, b.Checkpoints, b.Losses, b.Unknown = b.Connections[:0], b.Events[:0], b.Checkpoints[:0], b.Losses[:0], b.Unknown[:0]
}

// badMachine says what is wrong with a machine id, "" if nothing is. A host may have none.
func badMachine(id string) string {
	if _, err := uuid.Parse(id); err != nil && id != "" {
		return fmt.Sprintf("machine id %.64q is no UUID", id)
	}
	return ""
}

// badBoot says what is wrong with a boot id, "" if nothing is.
func badBoot(id string) string {
	if _, err := uuid.Parse(id); err != nil {
		return fmt.Sprintf("boot id %.64q is no UUID", id)
	}
	return ""
}
