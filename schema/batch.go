// SPDX-License-Identifier: Apache-2.0

package schema

import "math"

// Clock says how to turn CLOCK_BOOTTIME into wall clock: wall = boot + Offset, right within Error, all in nanoseconds,
// measured when the batch was captured.
type Clock struct {
	Offset int64
	Error  uint64
}

// Range is a run of numbers of one stream, bounds included.
type Range struct {
	Stream uint32
	From   uint64
	To     uint64
}

// Header is what all rows of a batch share. Session is one life of the kernel-side maps, Run one life of the agent
// process, Number counts the batches of the run. Ranges are exactly the numbers of the rows.
type Header struct {
	Host    string
	BootID  string
	Session uint64
	Run     uint64
	Number  uint64
	Clock   Clock
	Ranges  []Range
}

// Wall turns a CLOCK_BOOTTIME moment into nanoseconds since 1970, by the batch's bytes alone.
func (h *Header) Wall(boot uint64) int64 { return int64(boot) + h.Clock.Offset }

// headerFields are the elements of a message's array that this version writes: version, host, boot_id, session, run,
// batch, clock, ranges, rows.
const headerFields = 9

// BatchEncoder makes one message: rows are encoded as they come, Finish puts the header before them. It is reused.
type BatchEncoder struct {
	rows    *writer
	message *writer
	records int
	ranges  []Range
}

// NewBatchEncoder makes an empty batch.
func NewBatchEncoder() *BatchEncoder {
	return &BatchEncoder{rows: newWriter(), message: newWriter()}
}

// AddConnection appends a connection's row.
func (b *BatchEncoder) AddConnection(c *Connection) {
	b.rows.row(KindConnection, connectionFields, c.visit)
	b.numbered(c.Stream, c.Seq)
}

// AddEvent appends an event's row.
func (b *BatchEncoder) AddEvent(e *Event) {
	b.rows.row(e.Kind, eventFields, e.visit)
	b.numbered(e.Stream, e.Seq)
}

// AddCheckpoint appends a checkpoint's row.
func (b *BatchEncoder) AddCheckpoint(p *Checkpoint) {
	b.rows.row(KindCheckpoint, checkpointFields, p.visit)
	b.records++
}

// AddLoss appends a loss range's row.
func (b *BatchEncoder) AddLoss(l *Loss) {
	b.rows.row(KindLoss, lossFields, l.visit)
	b.records++
}

func (b *BatchEncoder) numbered(stream uint32, seq uint64) {
	b.records++
	for i := len(b.ranges) - 1; i >= 0 && i >= len(b.ranges)-8; i-- {
		if r := &b.ranges[i]; r.Stream == stream && r.To+1 == seq {
			r.To = seq
			return
		}
	}
	b.ranges = append(b.ranges, Range{Stream: stream, From: seq, To: seq})
}

// Records is how many rows the batch holds.
func (b *BatchEncoder) Records() int { return b.records }

// Size is how many bytes the rows take so far.
func (b *BatchEncoder) Size() int { return b.rows.buf.Len() }

// Finish gives the message and the ranges of its numbered rows, and empties the batch. Both are the caller's to keep.
// h.Ranges is not read.
func (b *BatchEncoder) Finish(h *Header) ([]byte, []Range, error) {
	m := b.message
	m.reset()
	m.array(headerFields)
	m.uint(Version)
	m.str(h.Host)
	m.str(h.BootID)
	m.uint(h.Session)
	m.uint(h.Run)
	m.uint(h.Number)
	m.array(2)
	m.i64(&h.Clock.Offset)
	m.uint(h.Clock.Error)
	m.array(len(b.ranges))
	for _, r := range b.ranges {
		m.array(3)
		m.uint(uint64(r.Stream))
		m.uint(r.From)
		m.uint(r.To)
	}
	m.array(b.records)
	m.raw(b.rows.buf.Bytes())
	err := b.rows.err
	if err == nil {
		err = m.err
	}
	message, ranges := append([]byte(nil), m.buf.Bytes()...), append([]Range(nil), b.ranges...)
	b.rows.reset()
	b.records, b.ranges = 0, b.ranges[:0]
	return message, ranges, err
}

// Batch is a decoded message of the events topic. Its slices are reused by the next Decode.
type Batch struct {
	Header
	Connections []Connection
	Events      []Event
	Checkpoints []Checkpoint
	Losses      []Loss
	Unknown     []UnknownRow
}

// UnknownRow is a row of a kind that this version does not know. The message goes to dead_letters, from where a later
// version brings it back. Stream and Seq are 0 if the row does not begin with a number.
type UnknownRow struct {
	Kind   Kind
	Stream uint32
	Seq    uint64
}

// BatchDecoder decodes messages of the events topic. It is reused, not safe for concurrent use.
type BatchDecoder struct{ r *reader }

// NewBatchDecoder makes a decoder.
func NewBatchDecoder() *BatchDecoder { return &BatchDecoder{r: newReader()} }

// Decode reads one message into b, whose slices it reuses. On an error (ErrMalformed) b.Header holds what could be read
// of the header, so that what the message held can be counted by its ranges, and the rows are empty.
func (d *BatchDecoder) Decode(message []byte, b *Batch) error {
	*b = Batch{Header: Header{Ranges: b.Ranges[:0]}, Connections: b.Connections[:0], Events: b.Events[:0],
		Checkpoints: b.Checkpoints[:0], Losses: b.Losses[:0], Unknown: b.Unknown[:0]}
	r := d.r
	r.reset(message)
	if len(message) > MaxMessageBytes {
		r.fail("message of %d bytes: at most %d", len(message), MaxMessageBytes)
		return r.err
	}
	n := r.begin(&b.Header)
	r.rows(b)
	r.closeMessage(n - headerFields)
	if r.err != nil {
		b.Connections, b.Events, b.Checkpoints, b.Losses, b.Unknown =
			b.Connections[:0], b.Events[:0], b.Checkpoints[:0], b.Losses[:0], b.Unknown[:0]
	}
	return r.err
}

// DecodeHeader reads what is before the rows of a message and gives how many bytes that is. message may end there.
func (d *BatchDecoder) DecodeHeader(message []byte, h *Header) (int, error) {
	*h = Header{Ranges: h.Ranges[:0]}
	d.r.reset(message)
	d.r.begin(h)
	return len(message) - d.r.src.Len(), d.r.err
}

// begin reads a message to its rows and gives how many fields it has.
func (r *reader) begin(h *Header) int {
	n := r.array(math.MaxUint16)
	version := r.uint(math.MaxUint32)
	if r.err == nil && (version != Version || n < headerFields) {
		r.fail("version %d with %d fields: version %d with at least %d expected", version, n, Version, headerFields)
	}
	r.header(h)
	return n
}

func (r *reader) header(h *Header) {
	h.Host = r.str()
	h.BootID = r.str()
	h.Session = r.uint(math.MaxUint64)
	h.Run = r.uint(math.MaxUint64)
	h.Number = r.uint(math.MaxUint64)
	n := r.array(maxDepth)
	r.left = n
	r.i64(&h.Clock.Offset)
	r.u64(&h.Clock.Error)
	r.skip(r.left)
	for range r.array(MaxRanges) {
		var rg Range
		r.left = r.array(maxDepth)
		r.u32(&rg.Stream)
		r.u64(&rg.From)
		r.u64(&rg.To)
		r.skip(r.left)
		if r.err == nil && rg.To < rg.From {
			r.fail("range of stream %d ends before it begins", rg.Stream)
		}
		if r.err != nil {
			return
		}
		h.Ranges = append(h.Ranges, rg)
	}
}

func (r *reader) rows(b *Batch) {
	for range r.array(MaxRecords) {
		n := r.array(math.MaxUint16)
		kind := Kind(r.uint(math.MaxUint8))
		if r.err == nil && n == 0 {
			r.fail("empty row")
		}
		if r.err != nil {
			return
		}
		r.oneRow(b, kind, n-1)
	}
}

func (r *reader) oneRow(b *Batch, kind Kind, fields int) {
	switch {
	case kind == KindConnection:
		b.Connections = append(b.Connections, Connection{})
		r.visit(fields, b.Connections[len(b.Connections)-1].visit)
	case kind.IsEvent():
		b.Events = append(b.Events, Event{Kind: kind})
		r.visit(fields, b.Events[len(b.Events)-1].visit)
	case kind == KindCheckpoint:
		b.Checkpoints = append(b.Checkpoints, Checkpoint{})
		r.visit(fields, b.Checkpoints[len(b.Checkpoints)-1].visit)
	case kind == KindLoss:
		b.Losses = append(b.Losses, Loss{})
		r.visit(fields, b.Losses[len(b.Losses)-1].visit)
	default:
		u := UnknownRow{Kind: kind}
		r.left = fields
		if r.numberNext() { // a numbered kind; one that is not may begin with anything
			r.u32(&u.Stream)
			r.u64(&u.Seq)
		}
		r.skip(r.left)
		b.Unknown = append(b.Unknown, u)
	}
}
