// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Kafka's numbers of the codecs.
const (
	codecNone = iota
	codecGzip
	codecSnappy
	codecLz4
	codecZstd
)

const (
	// maxWindow bounds what a zstd stream refers back to: RFC 8878 has every decoder support 8 MiB.
	maxWindow = 8 << 20
	// maxSnappy bounds one block of snappy, which is unpacked whole.
	maxSnappy = 8 << 20
)

var errUnpacked = errors.New("it unpacks to more bytes than allowed")

// unpack gives the records' bytes, at most limit of them; more is an error. done releases the decoder.
func (b *Batch) unpack(limit int64) (in *bufio.Reader, done func(), err error) {
	packed := b.Raw[headSize:]
	done = func() {}
	var out io.Reader = bytes.NewReader(packed)
	switch b.codec {
	case codecNone:
	case codecGzip:
		out, err = gzip.NewReader(out)
	case codecSnappy:
		out = newSnappy(packed)
	case codecLz4:
		out, done = newLz4(out)
	case codecZstd:
		out, done, err = newZstd(out)
	default:
		err = fmt.Errorf("compression %d is not known", b.codec)
	}
	if err != nil {
		return nil, nil, err
	}
	return bufio.NewReader(&limited{in: out, left: limit}), done, nil
}

// The decoders of lz4 and zstd are pooled: their buffers are megabytes.
var lz4Pool, zstdPool sync.Pool

func newLz4(packed io.Reader) (io.Reader, func()) {
	z, ok := lz4Pool.Get().(*lz4.Reader)
	if !ok {
		z = lz4.NewReader(packed)
	}
	z.Reset(packed)
	return z, func() {
		z.Reset(nil)
		lz4Pool.Put(z)
	}
}

func newZstd(packed io.Reader) (io.Reader, func(), error) {
	z, ok := zstdPool.Get().(*zstd.Decoder)
	if !ok {
		var err error
		z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
	}
	if err := z.Reset(packed); err != nil {
		return nil, nil, err
	}
	return z, func() {
		_ = z.Reset(nil) // drops the batch's bytes; a decoder without input has no error
		zstdPool.Put(z)
	}, nil
}

// limited fails after left bytes.
type limited struct {
	in   io.Reader
	left int64
}

// Read reads on until the limit.
func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, errUnpacked
	}
	n, err := l.in.Read(b[:min(int64(len(b)), l.left)])
	l.left -= int64(n)
	return n, err
}

// snappyBlocks unpacks the blocks of a snappy batch: one, or many in the framing that Java clients use.
type snappyBlocks struct {
	blocks []byte
	framed bool
	out    []byte // unpacked and not read yet
	buf    []byte
}

// The framing's head: a magic number and two versions.
var xerial = []byte("\x82SNAPPY\x00")

const xerialHead = 16

func newSnappy(packed []byte) *snappyBlocks {
	if len(packed) >= xerialHead && bytes.HasPrefix(packed, xerial) {
		return &snappyBlocks{blocks: packed[xerialHead:], framed: true}
	}
	return &snappyBlocks{blocks: packed}
}

// Read unpacks the next block once the last one is read.
func (s *snappyBlocks) Read(b []byte) (int, error) {
	for len(s.out) == 0 {
		if len(s.blocks) == 0 {
			return 0, io.EOF
		}
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, s.out)
	s.out = s.out[n:]
	return n, nil
}

func (s *snappyBlocks) next() error {
	block := s.blocks
	s.blocks = nil
	if s.framed {
		if len(block) < 4 {
			return io.ErrUnexpectedEOF
		}
		size := int64(binary.BigEndian.Uint32(block))
		if block = block[4:]; size > int64(len(block)) {
			return io.ErrUnexpectedEOF
		}
		block, s.blocks = block[:size], block[size:]
	}
	size, err := snappy.DecodedLen(block)
	if err != nil {
		return err
	}
	if size > maxSnappy {
		return fmt.Errorf("a snappy block of %d bytes, at most %d", size, maxSnappy)
	}
	s.buf, err = snappy.Decode(s.buf[:cap(s.buf)], block)
	s.out = s.buf
	return err
}
