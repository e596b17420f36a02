// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
	fetchapi "github.com/segmentio/kafka-go/protocol/fetch"
)

const (
	// The versions of the fetch API that are spoken. Before 4 a broker sends batches of the format before records.
	minVersion, maxVersion = 4, 11
	// maxHead bounds what stands before the batches in an answer, aborted transactions included.
	maxHead = 1 << 20
	// prefix is how much is read of an answer that is too large: the head of its first batch.
	prefix = 64 << 10
)

var errAnswer = errors.New("malformed answer to a fetch")

// raw is an answer as a protocol.Message, which fetchapi.Response makes it; only the embedded Answer is filled. code is the
// broker's error.
type raw struct {
	fetchapi.Response
	Answer
	code int16
}

// largeError carries the beginning of an answer that is too large. Being an error it makes kafka-go close the connection, on
// which the rest of the answer is.
type largeError struct{ answer Answer }

// Error says how much was read of the answer.
func (e *largeError) Error() string {
	return fmt.Sprintf("an answer of more than %d bytes: read %d", MaxAnswer, len(e.answer.Records))
}

// RawExchange sends the request and reads its answer.
func (e *exchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if e.version < minVersion || e.version > maxVersion {
		return nil, fmt.Errorf("the broker speaks version %d of the fetch API: %d to %d expected", e.version, minVersion, maxVersion)
	}
	if err := protocol.WriteRequest(rw, e.version, 1, "", e.Request); err != nil {
		return nil, err
	}
	return readAnswer(rw, e.version)
}

// readAnswer reads one answer with one topic and one partition.
func readAnswer(in io.Reader, version int16) (*raw, error) {
	var size [4]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return nil, err
	}
	r := &wire{in: in, left: int64(int32(binary.BigEndian.Uint32(size[:])))}
	r.skip(4 + 4) // correlation id, throttle
	var a raw
	if version >= 7 {
		a.code = int16(r.uint(2))
		r.skip(4) // session
	}
	if topics := r.uint(4); topics != 1 && r.err == nil && a.code == 0 {
		return nil, fmt.Errorf("%w: %d topics", errAnswer, topics)
	}
	if a.code != 0 {
		return &a, r.rest()
	}
	r.skip(int64(r.uint(2))) // the topic's name
	if partitions := r.uint(4); partitions != 1 && r.err == nil {
		return nil, fmt.Errorf("%w: %d partitions", errAnswer, partitions)
	}
	r.skip(4)
	a.code = int16(r.uint(2))
	a.HighWatermark = int64(r.uint(8))
	r.skip(8) // last stable offset
	if version >= 5 {
		a.LogStart = int64(r.uint(8))
	}
	if aborted := int32(r.uint(4)); aborted > 0 {
		r.skip(16 * int64(aborted))
	}
	if version >= 11 {
		r.skip(4) // preferred replica
	}
	return &a, a.records(r)
}

// records reads the batches, or their beginning if they are too large.
func (a *raw) records(r *wire) error {
	n := int64(int32(r.uint(4)))
	if r.err != nil || n <= 0 {
		return r.rest()
	}
	if n > r.left {
		return fmt.Errorf("%w: %d bytes of batches, %d left", errAnswer, n, r.left)
	}
	if n > MaxAnswer {
		a.Records, a.TooLarge = r.bytes(prefix), true
		return errors.Join(r.err, &largeError{a.Answer})
	}
	a.Records = r.bytes(n)
	return r.rest()
}

// wire reads the fields of an answer. The first error sticks.
type wire struct {
	in   io.Reader
	left int64
	err  error
	buf  [8]byte
}

// uint reads a number of size bytes, at most 8.
func (w *wire) uint(size int) uint64 {
	w.buf = [8]byte{}
	w.read(w.buf[8-size:])
	return binary.BigEndian.Uint64(w.buf[:])
}

// bytes reads n bytes; the caller has checked n.
func (w *wire) bytes(n int64) []byte {
	b := buffer(n)
	w.read(b)
	return b
}

func (w *wire) read(b []byte) {
	if w.err != nil {
		return
	}
	if w.left -= int64(len(b)); w.left < 0 {
		w.err = fmt.Errorf("%w: it ends too early", errAnswer)
		return
	}
	_, w.err = io.ReadFull(w.in, b)
}

// skip passes over n bytes before the batches.
func (w *wire) skip(n int64) {
	if w.err != nil {
		return
	}
	if n < 0 || n > maxHead || n > w.left {
		w.err = fmt.Errorf("%w: %d bytes to skip, %d left", errAnswer, n, w.left)
		return
	}
	w.left -= n
	_, w.err = io.CopyN(io.Discard, w.in, n)
}

// rest passes over what is left of the answer, so that the connection can be used again.
func (w *wire) rest() error {
	w.skip(w.left)
	return w.err
}
