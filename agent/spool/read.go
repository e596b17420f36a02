// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"io"
	"os"

	"tcpledger/agent/message"
	"tcpledger/internal/text"
	"tcpledger/schema"
)

// readBytes is about how much is read at a time: a request to Kafka.
const readBytes = 900 << 10

// reader reads the oldest segment.
type reader struct {
	file    *os.File
	offset  int64 // up to where it was read
	sent    int64 // up to where its messages have left
	pending []pending
}

// pending is a message that was read and has not left. What is told in place of a damaged one ends where that one does.
type pending struct {
	message message.Message
	end     int64
}

func (r *reader) close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// Peek gives the oldest messages, at least one and together at most maxBytes; none if the queue is empty. They stay until Done, and
// another Peek gives them again.
func (q *Queue) Peek(maxBytes int) ([]message.Message, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.gauges()
	for len(q.reader.pending) == 0 && len(q.segments) > 0 {
		if err := q.fill(); err != nil {
			return nil, err
		}
		if len(q.reader.pending) == 0 && q.exhausted() {
			if err := q.remove(0); err != nil {
				return nil, err
			}
		}
	}
	var out []message.Message
	bytes := 0
	for i := range q.reader.pending {
		m := &q.reader.pending[i].message
		if bytes += len(m.Value); len(out) > 0 && bytes > maxBytes {
			break
		}
		out = append(out, *m)
	}
	return out, nil
}

func (q *Queue) exhausted() bool { return q.reader.offset >= q.segments[0].size }

// fill reads on in the oldest segment. What the disk cannot read is as good as damaged.
func (q *Queue) fill() (err error) {
	r, s := &q.reader, q.segments[0]
	if r.file == nil {
		if r.file, err = os.Open(s.path); err != nil {
			return err
		}
	}
	scan := scanner{file: r.file, size: s.size, offset: r.offset}
	for bytes := 0; bytes < readBytes; {
		f, err := scan.next()
		if errors.Is(err, errUnreadable) {
			q.log.Warn("the disk does not give what is in the spool", "file", s.path, "err", err)
			scan.skipped += s.size - scan.offset
			scan.offset = s.size
		} else if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil {
			break
		}
		for _, m := range q.deliverable(f) {
			r.pending = append(r.pending, pending{m, f.end})
			bytes += len(m.Value)
		}
	}
	r.offset = scan.offset
	q.skipped(scan.skipped, s)
	return nil
}

// deliverable gives what a frame becomes: its message, or the losses of a damaged one.
func (q *Queue) deliverable(f *frame) []message.Message {
	if f.state == whole {
		return []message.Message{q.message(f)}
	}
	var held inventory
	held.lose(q, f, schema.LossSpoolDamaged)
	q.metrics.lost.WithLabelValues(schema.LossSpoolDamaged).Add(float64(held.lost))
	q.metrics.unknownRecords.Add(float64(held.unknown))
	q.log.Warn("a message in the spool is damaged; its numbers become loss ranges as far as they are known", "records", f.records,
		"known", held.lost)
	if q.topic == schema.TopicMeta {
		q.gone.Add(1)
	}
	return held.told(q)
}

func (q *Queue) skipped(n int64, s *segment) {
	if n == 0 {
		return
	}
	q.metrics.damagedBytes.Add(float64(n))
	q.log.Warn("a segment of the spool is damaged: bytes in which there is no message", "file", s.path, "bytes", text.Bytes(uint64(n)))
}

// message makes the message of a whole frame. Its ranges and losses are in its bytes only.
func (q *Queue) message(f *frame) message.Message {
	return message.Message{Topic: q.topic, Key: f.key, Value: f.value, Records: int(f.records), Checkpoints: int(f.checkpoints), At: f.at}
}

// Trying notes that what Peek gave may be at Kafka from now on. It must be called before it is sent. It is false if that was dropped
// since: then it must not be sent. An error means that only this run knows it; sending is still better than not.
func (q *Queue) Trying() (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.reader.pending) == 0 {
		return false, nil
	}
	s := q.segments[0]
	if s.tried {
		return true, nil
	}
	s.tried = true
	return true, cursor{s.id, q.reader.sent}.write(q.cursor, true)
}

// Done takes out the first n messages that Peek gave: Kafka has them.
func (q *Queue) Done(n int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.gauges()
	return q.done(n)
}

func (q *Queue) done(n int) error {
	r := &q.reader
	if n = min(n, len(r.pending)); n == 0 {
		return nil
	}
	q.metrics.sent.WithLabelValues(q.topic).Add(float64(n))
	end := r.pending[n-1].end
	r.pending = r.pending[n:]
	switch {
	case len(r.pending) > 0 && r.pending[0].end == end: // another part of what is told in place of one
		return nil
	case len(r.pending) == 0:
		end = r.offset
	}
	if r.sent = end; end >= q.segments[0].size {
		return q.remove(0)
	}
	return cursor{q.segments[0].id, end}.write(q.cursor, false)
}

// Refused takes out the first message that Peek gave: Kafka will never take it. Its numbers become losses of that cause, which
// are in the queue.
func (q *Queue) Refused(cause string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.gauges()
	if len(q.reader.pending) == 0 {
		return nil
	}
	m := &q.reader.pending[0].message
	var held inventory
	held.lose(q, &frame{fixed: fixed{records: uint32(m.Records), at: m.At}, state: whole, value: m.Value}, cause)
	var b []byte
	for _, told := range held.told(q) {
		b = appendFrame(b, &told, q.headOf(told.Value), 0, 0)
	}
	if len(b) > 0 {
		if err := q.append(b); err != nil {
			return err
		}
	}
	q.metrics.lost.WithLabelValues(cause).Add(float64(held.lost))
	return q.done(1)
}
