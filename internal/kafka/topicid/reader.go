// SPDX-License-Identifier: Apache-2.0

package topicid

import (
	"encoding/binary"
	"fmt"
)

// reader reads the fields of an answer. Every length is checked against the bytes that are left. The first error sticks.
type reader struct {
	left []byte
	err  error
}

func (r *reader) bytes(n int) []byte {
	if r.err == nil && (n < 0 || n > len(r.left)) {
		r.err = fmt.Errorf("%w: %d bytes, %d left", errAnswer, n, len(r.left))
	}
	if r.err != nil {
		r.left = nil
		return nil
	}
	b := r.left[:n]
	r.left = r.left[n:]
	return b
}

func (r *reader) skip(n int) { r.bytes(n) }

// uint reads a number of size bytes, at most 8.
func (r *reader) uint(size int) uint64 {
	var b [8]byte
	copy(b[8-size:], r.bytes(size))
	return binary.BigEndian.Uint64(b[:])
}

// uvarint reads a number of variable length.
func (r *reader) uvarint() int {
	v, n := binary.Uvarint(r.left)
	if r.err == nil && (n <= 0 || v > maxAnswer) {
		r.err = fmt.Errorf("%w: a number", errAnswer)
	}
	if r.err != nil {
		return 0
	}
	r.left = r.left[n:]
	return int(v)
}

// count reads the length of an array or of bytes; none is 0. An element has a byte at least.
func (r *reader) count() int {
	n := max(r.uvarint()-1, 0)
	if n > len(r.left) {
		r.bytes(n)
		return 0
	}
	return n
}

func (r *reader) text() string { return string(r.bytes(r.count())) }

// tags passes over optional fields.
func (r *reader) tags() {
	for range r.uvarint() {
		r.uvarint()
		r.skip(r.uvarint())
		if r.err != nil {
			return
		}
	}
}
