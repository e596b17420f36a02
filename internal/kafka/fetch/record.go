// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Limits bound what a batch may unpack to. A record holds its key, value and headers.
type Limits struct {
	BatchBytes  int64
	RecordBytes int64
}

// maxHeaders bounds the headers of a record that are kept; the others are passed over.
const maxHeaders = 16

// Record is one message. The receiver may keep its slices.
type Record struct {
	Offset  int64
	Key     []byte // nil for none
	Value   []byte // nil for none
	Headers []Header
}

// Header is a named value beside a message.
type Header struct {
	Key   string
	Value []byte
}

// LargeError is the ErrUnreadable of a record that is larger than the limits allow. Key is its key if that is short, Prefix the
// beginning of its value.
type LargeError struct {
	Offset int64
	Key    []byte
	Prefix []byte
	err    error
}

// Error says which limit it is.
func (e *LargeError) Error() string { return e.err.Error() }

// Unwrap gives an ErrUnreadable.
func (e *LargeError) Unwrap() error { return e.err }

// Records unpacks the batch, one record after the other. An error is ErrUnreadable, or a LargeError; it ends the walk, and the
// offsets after the last record up to b.Last are lost.
func (b *Batch) Records(limits Limits) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		in, done, err := b.unpack(limits.BatchBytes)
		if err != nil {
			yield(Record{}, fmt.Errorf("%w: %w", ErrUnreadable, err))
			return
		}
		defer done()
		last := b.First - 1
		for range max(b.count, 0) {
			r, err := b.record(in, limits.RecordBytes)
			if err == nil && (r.Offset <= last || r.Offset > b.Last) {
				err = fmt.Errorf("%w: offset %d after offset %d in a batch up to %d", ErrUnreadable, r.Offset, last, b.Last)
			}
			if err != nil {
				yield(Record{}, err)
				return
			}
			if last = r.Offset; !yield(r, nil) {
				return
			}
		}
	}
}

// record reads the next record.
func (b *Batch) record(in *bufio.Reader, limit int64) (Record, error) {
	size, err := binary.ReadVarint(in)
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrUnreadable, noEOF(err))
	}
	if size < 0 {
		return Record{}, fmt.Errorf("%w: a record of %d bytes", ErrUnreadable, size)
	}
	if size > limit {
		return Record{}, b.large(in, size, limit)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(in, data); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrUnreadable, noEOF(err))
	}
	f := fields{left: data}
	r := f.head(b.First)
	r.Key, r.Value = f.bytes(), f.bytes()
	r.Headers = f.headers()
	if f.err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrUnreadable, f.err)
	}
	return r, nil
}

// large reads the beginning of a record that is too large.
func (b *Batch) large(in *bufio.Reader, size, limit int64) error {
	data := make([]byte, min(size, prefix))
	n, _ := io.ReadFull(in, data) // as much as there is
	f := fields{left: data[:n]}
	r := f.head(b.First)
	r.Key = f.bytes()
	f.varint()
	return &LargeError{Offset: r.Offset, Key: r.Key, Prefix: f.left, err: fmt.Errorf("%w: a record of %d bytes, at most %d", ErrUnreadable, size, limit)}
}

var errFields = errors.New("a record's fields are longer than the record")

// fields reads the fields of a record from its bytes. Every length is checked against the bytes that are left. The first error
// sticks.
type fields struct {
	left []byte
	err  error
}

// head reads what stands before the key.
func (f *fields) head(base int64) Record {
	if len(f.left) == 0 {
		f.err = errFields
		return Record{}
	}
	f.left = f.left[1:] // attributes
	f.varint()          // time
	return Record{Offset: base + f.varint()}
}

func (f *fields) varint() int64 {
	v, n := binary.Varint(f.left)
	if n <= 0 {
		f.left, f.err = nil, errFields
		return 0
	}
	f.left = f.left[n:]
	return v
}

// bytes reads a length and as many bytes; a negative length is nil.
func (f *fields) bytes() []byte {
	n := f.varint()
	if f.err != nil || n < 0 {
		return nil
	}
	if n > int64(len(f.left)) {
		f.err = errFields
		return nil
	}
	b := f.left[:n:n]
	f.left = f.left[n:]
	return b
}

// headers reads the headers and keeps the first maxHeaders.
func (f *fields) headers() []Header {
	n := f.varint()
	if n > int64(len(f.left)) {
		f.err = errFields
	}
	var headers []Header
	for i := int64(0); i < n && f.err == nil; i++ {
		h := Header{Key: string(f.bytes()), Value: f.bytes()}
		if i < maxHeaders {
			headers = append(headers, h)
		}
	}
	return headers
}

// noEOF turns an end in the middle of a batch into io.ErrUnexpectedEOF.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
