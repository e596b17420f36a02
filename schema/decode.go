// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/netip"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// reader decodes from bytes it has whole. Every length is checked against the bytes that are left and a cap before
// anything is allocated: the library itself enforces neither. The first error sticks, later reads give zero values.
type reader struct {
	src   bytes.Reader
	dec   *msgpack.Decoder
	err   error
	left  int // fields left in the row being visited; visits past it leave zero values: absent
	names interner
	tmp   []byte
}

func newReader() *reader {
	r := &reader{}
	r.dec = msgpack.NewDecoder(&r.src)
	return r
}

func (r *reader) reset(b []byte) {
	r.src.Reset(b)
	r.dec.Reset(&r.src)
	r.err = nil
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		at := r.src.Size() - int64(r.src.Len())
		r.err = fmt.Errorf("%w: byte %d: %s", ErrMalformed, at, fmt.Sprintf(format, args...))
	}
}

func (r *reader) check(err error) bool {
	if err != nil {
		r.fail("%v", err)
	}
	return r.err == nil
}

// array reads an array's length, at most limit and no more than the bytes left could hold. A nil is an empty array.
func (r *reader) array(limit int) int {
	if r.err != nil {
		return 0
	}
	n, err := r.dec.DecodeArrayLen()
	if !r.check(err) || n <= 0 {
		return 0
	}
	if n > limit || n > r.src.Len() {
		r.fail("array of %d: at most %d, %d bytes left", n, limit, r.src.Len())
		return 0
	}
	return n
}

func (r *reader) uint(limit uint64) uint64 {
	if r.err != nil {
		return 0
	}
	code, err := r.dec.PeekCode()
	if !r.check(err) {
		return 0
	}
	if !msgpcode.IsFixedNum(code) && (code < msgpcode.Uint8 || code > msgpcode.Int64) {
		r.fail("an unsigned integer expected, code %#x found", code)
		return 0
	}
	if code >= msgpcode.Int8 || code >= msgpcode.NegFixedNumLow {
		return r.nonNegative(limit)
	}
	v, err := r.dec.DecodeUint64()
	if r.check(err) && v > limit {
		r.fail("number %d: at most %d", v, limit)
		return 0
	}
	return v
}

// nonNegative reads an integer that another encoder wrote as a signed one.
func (r *reader) nonNegative(limit uint64) uint64 {
	v := r.int()
	if v < 0 || uint64(v) > limit {
		r.fail("number %d: 0 to %d", v, limit)
		return 0
	}
	return uint64(v)
}

func (r *reader) int() int64 {
	if r.err != nil {
		return 0
	}
	code, err := r.dec.PeekCode()
	if !r.check(err) {
		return 0
	}
	if !msgpcode.IsFixedNum(code) && (code < msgpcode.Uint8 || code > msgpcode.Int64) {
		r.fail("an integer expected, code %#x found", code)
		return 0
	}
	if code == msgpcode.Uint64 {
		v, err := r.dec.DecodeUint64()
		if r.check(err) && v > math.MaxInt64 {
			r.fail("number %d: at most %d", v, int64(math.MaxInt64))
			return 0
		}
		return int64(v)
	}
	v, err := r.dec.DecodeInt64()
	r.check(err)
	return v
}

// bytes reads a binary or a string of at most limit bytes. The result is valid until the next read.
func (r *reader) bytes(limit int) []byte {
	if r.err != nil {
		return nil
	}
	n, err := r.dec.DecodeBytesLen()
	if !r.check(err) || n <= 0 {
		return nil
	}
	if n > limit || n > r.src.Len() {
		r.fail("%d bytes: at most %d, %d left", n, limit, r.src.Len())
		return nil
	}
	if cap(r.tmp) < n {
		r.tmp = make([]byte, n)
	}
	r.tmp = r.tmp[:n]
	_, err = io.ReadFull(&r.src, r.tmp)
	r.check(err)
	return r.tmp
}

func (r *reader) str() string { return r.names.intern(r.bytes(maxString)) }

func (r *reader) isNil() bool {
	if r.err != nil {
		return true
	}
	code, err := r.dec.PeekCode()
	if !r.check(err) {
		return true
	}
	if code == msgpcode.Nil {
		r.check(r.dec.DecodeNil())
		return true
	}
	return false
}

// numberNext reports, without reading, whether two numbers follow in the row, as in every numbered kind.
func (r *reader) numberNext() bool {
	if r.err != nil || r.left < 2 {
		return false
	}
	code, err := r.dec.PeekCode()
	return err == nil && (code <= msgpcode.PosFixedNumHigh || code >= msgpcode.Uint8 && code <= msgpcode.Uint32)
}

// next reports whether the row being visited has one more field.
func (r *reader) next() bool {
	if r.err != nil || r.left <= 0 {
		return false
	}
	r.left--
	return true
}

func (r *reader) number(limit uint64) uint64 {
	if !r.next() {
		return 0
	}
	return r.uint(limit)
}

func (r *reader) u8(v *uint8)   { *v = uint8(r.number(math.MaxUint8)) }
func (r *reader) u16(v *uint16) { *v = uint16(r.number(math.MaxUint16)) }
func (r *reader) u32(v *uint32) { *v = uint32(r.number(math.MaxUint32)) }
func (r *reader) u64(v *uint64) { *v = r.number(math.MaxUint64) }

func (r *reader) i32(v *int32) {
	var n int64
	r.i64(&n)
	if n < math.MinInt32 || n > math.MaxInt32 {
		r.fail("number %d: 32 bits expected", n)
		n = 0
	}
	*v = int32(n)
}

func (r *reader) i64(v *int64) {
	*v = 0
	if r.next() {
		*v = r.int()
	}
}

func (r *reader) text(v *string) {
	*v = ""
	if r.next() {
		*v = r.str()
	}
}

func (r *reader) addr(v *netip.Addr) {
	*v = netip.Addr{}
	if !r.next() || r.isNil() {
		return
	}
	b := r.bytes(16)
	ip, ok := netip.AddrFromSlice(b)
	if !ok {
		r.fail("address of %d bytes: 4 or 16", len(b))
		return
	}
	*v = ip.Unmap()
}

func (r *reader) opt(v *Optional) {
	*v = Optional{}
	if r.next() && !r.isNil() {
		*v = Some(r.uint(math.MaxUint64))
	}
}

func (r *reader) u32s(v *[]uint32, limit int) {
	*v = (*v)[:0]
	for range r.elements(limit) {
		*v = append(*v, uint32(r.uint(math.MaxUint32)))
	}
}

func (r *reader) u64s(v *[]uint64, limit int) {
	*v = (*v)[:0]
	for range r.elements(limit) {
		*v = append(*v, r.uint(math.MaxUint64))
	}
}

func (r *reader) texts(v *[]string, limit int) {
	*v = (*v)[:0]
	for range r.elements(limit) {
		*v = append(*v, r.str())
	}
}

func (r *reader) elements(limit int) int {
	if !r.next() {
		return 0
	}
	return r.array(limit)
}

// visit reads n fields with the given layout, then skips what a newer version appended.
func (r *reader) visit(n int, visit func(codec)) {
	r.left = n
	visit(r)
	r.skip(r.left)
	r.left = 0
}

// skip passes over n values of any type.
func (r *reader) skip(n int) {
	for ; n > 0 && r.err == nil; n-- {
		r.skipOne(0)
	}
}

func (r *reader) skipOne(depth int) {
	code, err := r.dec.PeekCode()
	if !r.check(err) {
		return
	}
	if depth > maxDepth {
		r.fail("nested deeper than %d", maxDepth)
		return
	}
	switch {
	case msgpcode.IsFixedArray(code) || code == msgpcode.Array16 || code == msgpcode.Array32:
		for n := r.array(MaxMessageBytes); n > 0 && r.err == nil; n-- {
			r.skipOne(depth + 1)
		}
	case msgpcode.IsFixedMap(code) || code == msgpcode.Map16 || code == msgpcode.Map32:
		n, err := r.dec.DecodeMapLen()
		for r.check(err) && n > 0 {
			r.skipOne(depth + 1)
			r.skipOne(depth + 1)
			n--
		}
	case msgpcode.IsString(code) || msgpcode.IsBin(code):
		r.bytes(MaxMessageBytes)
	default:
		r.check(r.dec.Skip())
	}
}
