// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tcpledger/agent/message"
	"tcpledger/internal/text"
	"tcpledger/schema"
)

// makeRoom drops the oldest until n more bytes are within the limit: first what is set aside, then segments of which nothing can have
// arrived. Its error wraps ErrFull if that is not enough.
func (q *Queue) makeRoom(n int64) error {
	for len(q.aside) > 0 && q.bytes()+q.asideBytes()+n > q.limit {
		if err := q.removeAside(); err != nil {
			return err
		}
	}
	for range len(q.segments) {
		if q.bytes()+n <= q.limit {
			return nil
		}
		i := slices.IndexFunc(q.segments, func(s *segment) bool { return !s.tried })
		if i < 0 {
			break
		}
		if err := q.drop(i); err != nil {
			return err
		}
	}
	if q.bytes()+n > q.limit {
		return fmt.Errorf("%w: %s of %s", ErrFull, text.Bytes(uint64(q.bytes())), text.Bytes(uint64(q.limit)))
	}
	return nil
}

func (q *Queue) removeAside() error {
	s := q.aside[0]
	if err := os.Remove(s.path); err != nil {
		return err
	}
	q.aside = q.aside[1:]
	q.metrics.space.WithLabelValues(q.topic).Add(float64(s.size))
	q.log.Warn("the spool needs the room of a file that was set aside, and removed it", "file", s.path, "bytes", text.Bytes(uint64(s.size)))
	return nil
}

// drop drops a segment. What it held is in the spool as losses before its file is gone, in one write whose last frame says so: a
// run that finds the segment and that frame removes the segment.
func (q *Queue) drop(i int) error {
	if i == len(q.segments)-1 {
		if err := q.seal(); err != nil {
			return err
		}
	}
	s := q.segments[i]
	held, err := q.inventory(s)
	if err != nil {
		return err
	}
	if moved := held.frames(q, s.id); len(moved) > 0 {
		if err := q.append(moved); err != nil {
			return err
		}
		if err := q.sync(); err != nil {
			return err
		}
	}
	if err := q.remove(i); err != nil {
		return err
	}
	q.gone.Add(held.messages)
	q.metrics.dropped.WithLabelValues(q.topic).Add(float64(held.messages))
	q.metrics.lost.WithLabelValues(schema.LossSpoolOverflow).Add(float64(held.lost))
	q.metrics.unknownRecords.Add(float64(held.unknown))
	q.sayFull(held)
	return nil
}

// sayEvery is how often a drop is logged.
const sayEvery = time.Minute

// sayFull logs a drop if there was none for a while.
func (q *Queue) sayFull(held *inventory) {
	if time.Since(q.said) > sayEvery {
		q.log.Warn("the spool is full and drops its oldest segments; the numbers in them become loss ranges", "limit", text.Bytes(uint64(q.limit)),
			"messages", held.messages, "records", held.lost)
		q.said = time.Now()
	}
}

// inventory is what a segment held.
type inventory struct {
	messages uint64
	lost     uint64 // numbers
	unknown  uint64 // rows whose numbers are not known
	losses   []*sessionLosses
	tried    []message.Message // may have arrived: they stay
}

// sessionLosses are the losses of one session that one clock fits.
type sessionLosses struct {
	header schema.Header
	losses message.Losses
}

// inventory reads a segment from its beginning to its end, or to where the disk cannot read it.
func (q *Queue) inventory(s *segment) (*inventory, error) {
	file, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	held := &inventory{}
	scan := scanner{file: file, size: s.size}
	for {
		f, err := scan.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errUnreadable) {
			return held, nil
		}
		if err != nil {
			return nil, err
		}
		held.add(q, f)
	}
}

func (h *inventory) add(q *Queue, f *frame) {
	if f.state == whole && f.flags&flagTried != 0 {
		h.tried = append(h.tried, q.message(f))
		return
	}
	h.messages++
	h.lose(q, f, schema.LossSpoolOverflow)
}

// lose makes losses of the numbers of a frame, as far as they are known, and of the losses in it. Of a damaged message that may have
// arrived nothing certain can be told.
func (h *inventory) lose(q *Queue, f *frame, cause string) {
	if q.topic == schema.TopicMeta {
		return
	}
	var b schema.Batch
	if f.state == unknown || f.flags&flagTried != 0 || q.read(f, &b) != nil {
		h.unknown += uint64(f.records)
		return
	}
	of := h.of(&b.Header)
	for _, r := range b.Ranges {
		of.losses.Add(schema.Loss{At: f.at, Stream: r.Stream, SeqFrom: r.From, SeqTo: r.To, Cause: cause})
		h.lost += r.To - r.From + 1
	}
	for _, l := range b.Losses {
		of.losses.Add(l)
	}
}

// read decodes what a frame has of its message.
func (q *Queue) read(f *frame, b *schema.Batch) error {
	if f.state == whole {
		return q.decoder.Decode(f.value, b)
	}
	_, err := q.decoder.DecodeHeader(f.value, &b.Header)
	return err
}

// clockStep is how far a session's clocks may be apart within one message of losses.
const clockStep = int64(1e9)

// of gives the losses of a header's session and clock.
func (h *inventory) of(header *schema.Header) *sessionLosses {
	for _, s := range h.losses {
		if s.header.BootID == header.BootID && s.header.Session == header.Session && s.header.Run == header.Run && near(s.header.Clock.Offset, header.Clock.Offset) {
			return s
		}
	}
	s := &sessionLosses{header: *header}
	s.header.Ranges = nil
	h.losses = append(h.losses, s)
	return s
}

func near(a, b int64) bool { return a-b < clockStep && b-a < clockStep }

// told gives the messages of the losses.
func (h *inventory) told(q *Queue) (out []message.Message) {
	for _, s := range h.losses {
		told, err := message.Told(&s.header, s.losses.Take(message.MaxLosses))
		if err != nil { // our own encoder, with a header that was decoded
			q.log.Error("losses cannot be encoded", "err", err)
		}
		out = append(out, told...)
	}
	return out
}

// frames gives what stays of a dropped segment, as frames.
func (h *inventory) frames(q *Queue, from uint64) (b []byte) {
	told := h.told(q)
	stay := slices.Concat(told, h.tried)
	for i := range stay {
		flags := flagMoved
		if i >= len(told) {
			flags |= flagTried
		}
		if i == len(stay)-1 {
			flags |= flagLastMoved
		}
		b = appendFrame(b, &stay[i], q.headOf(stay[i].Value), flags, from)
	}
	return b
}

// settleMoves ends a drop that was cut short: the segment goes if all that stays of it is in the newest segment, else that goes.
func (q *Queue) settleMoves() error {
	if len(q.segments) < 2 {
		return nil
	}
	newest := q.segments[len(q.segments)-1]
	from, at, complete, err := lastMove(newest)
	if err != nil || from == 0 {
		return err
	}
	i := slices.IndexFunc(q.segments, func(s *segment) bool { return s.id == from })
	if i < 0 {
		return nil
	}
	if complete {
		q.log.Info("the spool ends the drop of a segment", "file", filepath.Base(q.segments[i].path))
		return q.remove(i)
	}
	newest.size = at
	return os.Truncate(newest.path, at)
}

// lastMove gives the segment whose drop wrote the last frames of s, where they begin, and whether they are complete; 0 if the last frame
// is another.
func lastMove(s *segment) (from uint64, at int64, complete bool, err error) {
	file, err := os.Open(s.path)
	if err != nil {
		return 0, 0, false, err
	}
	defer func() { _ = file.Close() }() // it was only read
	scan := scanner{file: file, size: s.size}
	for {
		begin := scan.offset
		f, err := scan.next()
		if errors.Is(err, io.EOF) {
			return from, at, complete, nil
		}
		if err != nil {
			return 0, 0, false, err
		}
		switch {
		case f.flags&flagMoved == 0:
			from = 0
		case f.fixed.from != from:
			from, at = f.fixed.from, begin
		}
		complete = f.flags&flagLastMoved != 0 && f.state == whole
	}
}
