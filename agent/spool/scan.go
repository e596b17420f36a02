// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// state says how much of a frame is as it was written.
type state int

const (
	whole    state = iota
	headOnly       // the rows are damaged or cut off; key and header are right
	unknown        // only the fixed part is right
)

// frame is what a scanner found. Its slices are the caller's to keep.
type frame struct {
	fixed
	state state
	key   []byte
	value []byte // the message; only its head if the state is headOnly, nil if it is unknown
	end   int64  // where the next frame begins
}

// errUnreadable is wrapped when the disk does not give a segment's bytes.
var errUnreadable = errors.New("a segment of the spool cannot be read")

// scanner reads the frames of a segment's first size bytes, from offset on.
type scanner struct {
	file    io.ReaderAt
	size    int64
	offset  int64
	skipped int64 // bytes in which no frame was found
}

// next gives the next frame, io.EOF after the last. Another error is the file's.
func (s *scanner) next() (*frame, error) {
	for s.offset < s.size {
		f, err := s.frame()
		if err == nil {
			s.offset = f.end
			return f, nil
		}
		if !errors.Is(err, errNoFrame) {
			return nil, err
		}
		at, err := s.search(s.offset + 1)
		if err != nil {
			return nil, err
		}
		s.skipped += at - s.offset
		s.offset = at
	}
	return nil, io.EOF
}

// frame reads the frame at the offset.
func (s *scanner) frame() (*frame, error) {
	if s.size-s.offset < fixedBytes {
		return nil, errNoFrame
	}
	var b [fixedBytes]byte
	if err := s.read(b[:], s.offset); err != nil {
		return nil, err
	}
	parsed, err := parseFixed(b[:])
	if err != nil {
		return nil, err
	}
	f := &frame{fixed: parsed, end: min(s.offset+parsed.bytes(), s.size)}
	rest := make([]byte, min(parsed.bytes(), s.size-s.offset)-fixedBytes)
	if err := s.read(rest, s.offset+fixedBytes); err != nil {
		return nil, err
	}
	f.verify(rest)
	return f, nil
}

// verify compares the checksums over what follows the fixed part, which may be cut off.
func (f *frame) verify(rest []byte) {
	front := int(f.fixed.key) + int(f.head)
	f.state = unknown
	if len(rest) < front || crc32.Checksum(rest[:front], castagnoli) != f.headSum {
		return
	}
	f.key, f.value = rest[:f.fixed.key:f.fixed.key], rest[f.fixed.key:]
	f.state = whole
	if len(rest) != front+int(f.body) || crc32.Checksum(rest[front:], castagnoli) != f.bodySum {
		f.state, f.value = headOnly, f.value[:f.head]
	}
}

// searchBytes is how much is read at a time in search of a frame.
const searchBytes = 64 << 10

// search gives where the next frame after a damaged one may begin, or the end of the segment.
func (s *scanner) search(from int64) (int64, error) {
	wanted := binary.LittleEndian.AppendUint32(nil, magic)
	b := make([]byte, searchBytes)
	for from < s.size {
		n := min(int64(len(b)), s.size-from)
		if err := s.read(b[:n], from); err != nil {
			return 0, err
		}
		if i := bytes.Index(b[:n], wanted); i >= 0 {
			return from + int64(i), nil
		}
		if n <= int64(len(wanted)) {
			break
		}
		from += n - int64(len(wanted)) + 1 // it may lie across two reads
	}
	return s.size, nil
}

func (s *scanner) read(b []byte, at int64) error {
	if n, err := s.file.ReadAt(b, at); n < len(b) {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return nil
}
