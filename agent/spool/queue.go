// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tcpledger/agent/message"
	"tcpledger/internal/text"
	"tcpledger/schema"
)

const (
	// segments is about how many segments a full queue has: so much of it is dropped at a time.
	segments = 32
	// maxSegment bounds a segment: reading what a dropped one held takes that much time.
	maxSegment = 8 << 20
)

// ErrFull is wrapped when a message finds no room, though the oldest was dropped: what is left may have arrived at Kafka.
var ErrFull = errors.New("the spool is full")

// Queue is the messages of one topic on disk, oldest first. It is safe for concurrent use; Peek, Trying and Done are for one reader.
// Bytes and Dropped never wait for the disk.
type Queue struct {
	dir      string
	topic    string
	host     string
	limit    int64
	perFile  int64
	log      *slog.Logger
	metrics  *metrics
	mu       sync.Mutex
	segments []*segment // oldest first; the last may be open
	aside    []*segment
	active   *os.File  // the last segment; nil: the next message begins one
	dirty    bool      // the active segment has bytes that a power cut would take
	last     uint64    // the highest id that was ever seen here
	buffer   []byte    // reused by Put
	said     time.Time // when a drop was logged
	cursor   *os.File
	reader   reader
	decoder  *schema.BatchDecoder
	gone     atomic.Uint64 // messages that were dropped
	stored   atomic.Int64  // what bytes gave last
}

// openQueue opens the folder of a topic.
func openQueue(c *Config, topic string, limit int64, m *metrics) (*Queue, error) {
	q := &Queue{dir: filepath.Join(c.Dir, topic), topic: topic, host: c.Host, limit: limit, perFile: min(limit/segments, maxSegment),
		log: c.Log.With("topic", topic), metrics: m, decoder: schema.NewBatchDecoder()}
	m.begin(topic)
	if err := os.MkdirAll(q.dir, 0o700); err != nil {
		return nil, err
	}
	if err := q.find(); err != nil {
		return nil, err
	}
	var err error
	q.cursor, err = os.OpenFile(filepath.Join(q.dir, cursorFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if info, err := q.cursor.Stat(); err == nil && info.Size() == 0 {
		_ = cursor{}.write(q.cursor, false) // takes its room while there is some
	}
	if err := unix.Access(q.dir, unix.W_OK); err != nil {
		return nil, errors.Join(err, q.cursor.Close())
	}
	q.gauges()
	return q, nil
}

// find looks at what an earlier run left.
func (q *Queue) find() error {
	found, err := list(q.dir, q.host)
	if err != nil {
		return err
	}
	q.segments, q.aside = found.own, found.aside
	for _, s := range slices.Concat(q.segments, q.aside) {
		q.last = max(q.last, s.id)
	}
	for _, why := range slices.Sorted(maps.Keys(found.whys)) {
		q.log.Warn("a part of the spool is set aside: its files stay until their room is needed", "folder", q.dir, "files", found.whys[why], "why", why)
	}
	if err := q.settleMoves(); err != nil {
		return err
	}
	if err := q.resume(); err != nil {
		return err
	}
	if len(q.segments) > 0 {
		q.log.Info("the spool has messages of an earlier run", "folder", q.dir, "bytes", text.Bytes(uint64(q.bytes())))
	}
	return nil
}

// resume begins where the last run ended.
func (q *Queue) resume() error {
	c, valid, unsure, err := readCursor(q.dir)
	if err != nil {
		return err
	}
	for i, s := range q.segments {
		s.tried = valid && s.id <= c.segment || unsure && i == 0
	}
	if valid && len(q.segments) > 0 && q.segments[0].id == c.segment {
		q.reader.offset = min(max(c.offset, 0), q.segments[0].size)
		q.reader.sent = q.reader.offset
	}
	if valid {
		q.last = max(q.last, c.segment)
	}
	return nil
}

// bytes is what the folder takes. The lock is held.
func (q *Queue) bytes() (n int64) {
	for _, s := range q.segments {
		n += s.disk()
	}
	return n
}

func (q *Queue) asideBytes() (n int64) {
	for _, s := range q.aside {
		n += s.disk()
	}
	return n
}

// Bytes is what the queue takes on disk; 0 if nothing waits.
func (q *Queue) Bytes() int64 { return q.stored.Load() }

// Dropped counts the messages that were dropped for want of room.
func (q *Queue) Dropped() uint64 { return q.gone.Load() }

// Put appends a message. tried says that it may have arrived at Kafka. The oldest are dropped if there is no room.
func (q *Queue) Put(m *message.Message, tried bool) error {
	if !fits(m) {
		return fmt.Errorf("a message of %d bytes does not fit into the spool", len(m.Value))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.gauges()
	flags := uint16(0)
	if tried {
		flags = flagTried
	}
	q.buffer = appendFrame(q.buffer[:0], m, q.headOf(m.Value), flags, 0)
	if err := q.makeRoom(int64(len(q.buffer)) + block); err != nil {
		return err
	}
	if err := q.append(q.buffer); err != nil {
		return err
	}
	q.metrics.written.WithLabelValues(q.topic).Inc()
	q.metrics.records.WithLabelValues(q.topic).Add(float64(m.Records))
	q.metrics.writtenBytes.WithLabelValues(q.topic).Add(float64(len(q.buffer)))
	return nil
}

// headOf is how much of a message is before its rows.
func (q *Queue) headOf(value []byte) int {
	if q.topic == schema.TopicMeta {
		return 0
	}
	var h schema.Header
	n, err := q.decoder.DecodeHeader(value, &h)
	if err != nil {
		return 0 // it goes to Kafka as it is
	}
	return n
}

// append writes frames in one piece. What was written of them is taken back if they cannot be written whole.
func (q *Queue) append(b []byte) error {
	if err := q.ready(int64(len(b))); err != nil {
		return err
	}
	s := q.segments[len(q.segments)-1]
	if _, err := q.active.WriteAt(b, s.size); err != nil {
		if cut := q.active.Truncate(s.size); cut != nil {
			err = errors.Join(err, cut, q.seal())
		}
		if s.size == 0 {
			err = errors.Join(err, q.seal(), q.remove(len(q.segments)-1))
		}
		return fmt.Errorf("write to the spool: %w", err)
	}
	s.size += int64(len(b))
	q.dirty = true
	return nil
}

// ready makes sure that the active segment takes n more bytes; a message larger than a segment has one of its own.
func (q *Queue) ready(n int64) error {
	if q.active != nil {
		if s := q.segments[len(q.segments)-1]; s.size == 0 || s.size+n <= q.perFile {
			return nil
		}
		if err := q.seal(); err != nil {
			return err
		}
	}
	s := &segment{id: nextID(q.last, time.Now())}
	s.path = segmentPath(q.dir, s.id)
	file, err := os.OpenFile(s.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("begin a segment of the spool: %w", err)
	}
	q.active, q.last = file, s.id
	q.segments = append(q.segments, s)
	return nil
}

// seal ends the active segment.
func (q *Queue) seal() error {
	if q.active == nil {
		return nil
	}
	err := q.sync()
	err = errors.Join(err, q.active.Close())
	q.active, q.dirty = nil, false
	return err
}

// Sync makes what was put in outlive a power cut.
func (q *Queue) Sync() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sync()
}

func (q *Queue) sync() error {
	if !q.dirty {
		return nil
	}
	if err := unix.Fdatasync(int(q.active.Fd())); err != nil {
		return fmt.Errorf("sync the spool: %w", err)
	}
	q.dirty = false
	return syncDir(q.dir)
}

// remove deletes a segment.
func (q *Queue) remove(i int) error {
	s := q.segments[i]
	if i == len(q.segments)-1 && q.active != nil {
		err := q.active.Close()
		q.active, q.dirty = nil, false
		if err != nil {
			return err
		}
	}
	q.segments = slices.Delete(q.segments, i, i+1)
	var err error
	if i == 0 {
		err = q.reader.close()
		q.reader = reader{}
	}
	return errors.Join(err, os.Remove(s.path))
}

func (q *Queue) close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	err := errors.Join(q.seal(), q.reader.close())
	if len(q.segments) > 0 {
		err = errors.Join(err, syncDir(q.dir))
	}
	return errors.Join(err, q.cursor.Close())
}

func (q *Queue) gauges() {
	m, oldest := q.metrics, 0.0
	if len(q.segments) > 0 {
		oldest = float64(q.segments[0].id) / 1e6
	}
	q.stored.Store(q.bytes())
	m.bytes.WithLabelValues(q.topic).Set(float64(q.stored.Load()))
	m.segments.WithLabelValues(q.topic).Set(float64(len(q.segments)))
	m.oldest.WithLabelValues(q.topic).Set(oldest)
	m.aside.WithLabelValues(q.topic).Set(float64(q.asideBytes()))
}
