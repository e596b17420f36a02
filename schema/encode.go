// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"bytes"
	"net/netip"

	"github.com/vmihailenco/msgpack/v5"
)

// writer encodes into a buffer that cannot fail, so that one sticky error is enough: it would be a bug of the encoder.
type writer struct {
	buf bytes.Buffer
	enc *msgpack.Encoder
	err error
}

func newWriter() *writer {
	w := &writer{}
	w.enc = msgpack.NewEncoder(&w.buf)
	w.enc.UseCompactInts(true)
	return w
}

func (w *writer) note(err error) {
	if err != nil && w.err == nil {
		w.err = err
	}
}

func (w *writer) reset()         { w.buf.Reset(); w.err = nil }
func (w *writer) array(n int)    { w.note(w.enc.EncodeArrayLen(n)) }
func (w *writer) uint(v uint64)  { w.note(w.enc.EncodeUint(v)) }
func (w *writer) bin(b []byte)   { w.note(w.enc.EncodeBytes(b)) }
func (w *writer) raw(b []byte)   { w.buf.Write(b) }
func (w *writer) str(s string)   { w.note(w.enc.EncodeString(s)) }
func (w *writer) u8(v *uint8)    { w.uint(uint64(*v)) }
func (w *writer) u16(v *uint16)  { w.uint(uint64(*v)) }
func (w *writer) u32(v *uint32)  { w.uint(uint64(*v)) }
func (w *writer) u64(v *uint64)  { w.uint(*v) }
func (w *writer) i32(v *int32)   { w.note(w.enc.EncodeInt(int64(*v))) }
func (w *writer) i64(v *int64)   { w.note(w.enc.EncodeInt(*v)) }
func (w *writer) text(v *string) { w.str(*v) }

// addr writes 4 or 16 bytes, nil for no address.
func (w *writer) addr(v *netip.Addr) {
	switch ip := v.Unmap(); {
	case ip.Is4():
		b := ip.As4()
		w.bin(b[:])
	case ip.Is6():
		b := ip.As16()
		w.bin(b[:])
	default:
		w.note(w.enc.EncodeNil())
	}
}

func (w *writer) opt(v *Optional) {
	if v.Known {
		w.uint(v.Value)
		return
	}
	w.note(w.enc.EncodeNil())
}

func (w *writer) u32s(v *[]uint32, _ int) {
	w.array(len(*v))
	for i := range *v {
		w.uint(uint64((*v)[i]))
	}
}

func (w *writer) u64s(v *[]uint64, _ int) {
	w.array(len(*v))
	for i := range *v {
		w.uint((*v)[i])
	}
}

func (w *writer) texts(v *[]string, _ int) {
	w.array(len(*v))
	for i := range *v {
		w.str((*v)[i])
	}
}

// row writes one row: an array of its kind and its fields.
func (w *writer) row(kind Kind, fields int, visit func(codec)) {
	w.array(fields)
	w.uint(uint64(kind))
	visit(w)
}
