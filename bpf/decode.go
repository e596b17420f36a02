// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"
)

// ErrMalformed is what Decode's errors wrap: the bytes are no record of ours.
var ErrMalformed = errors.New("malformed kernel record")

// Record is one decoded record. Kind says which of the three is valid; the
// others keep what an earlier Decode into the same Record left. It holds no
// reference to the bytes it came from.
type Record struct {
	Kind       Kind
	Connection Connection
	Event      Event
	Stack      Stack
}

// Head of whichever record is valid.
func (r *Record) Head() *Head {
	switch r.Kind {
	case KindConnection:
		return &r.Connection.Head
	case KindStack:
		return &r.Stack.Head
	default:
		return &r.Event.Head
	}
}

// Decode reads one ring buffer sample. It allocates nothing unless it fails,
// and copies everything, so that raw can be reused.
func Decode(raw []byte, r *Record) error {
	const head = int(unsafe.Sizeof(Head{}))
	if len(raw) < head {
		return fmt.Errorf("%w: %d bytes, a head has %d", ErrMalformed, len(raw), head)
	}
	kind, size := Kind(raw[2]), int(binary.LittleEndian.Uint16(raw))
	into := r.bytesOf(kind)
	if into == nil {
		return fmt.Errorf("%w: kind %d", ErrMalformed, kind)
	}
	if size != len(into) || len(raw) < size {
		return fmt.Errorf("%w: kind %d of size %d in %d bytes, want %d", ErrMalformed, kind, size, len(raw), len(into))
	}
	copy(into, raw)
	if kind == KindStack && r.Stack.Depth > MaxFrames {
		return fmt.Errorf("%w: stack of depth %d", ErrMalformed, r.Stack.Depth)
	}
	r.Kind = kind
	return nil
}

// bytesOf is the memory of the struct a kind is decoded into; nil: unknown kind.
func (r *Record) bytesOf(kind Kind) []byte {
	switch {
	case kind == KindConnection:
		return bytesOf(&r.Connection)
	case kind == KindStack:
		return bytesOf(&r.Stack)
	case eventKinds>>kind&1 == 1:
		return bytesOf(&r.Event)
	default:
		return nil
	}
}

// bytesOf views a record as memory: the object is little-endian as is every
// machine it loads on, and the layout test compares each offset.
func bytesOf[T Connection | Event | Stack](t *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(t)), unsafe.Sizeof(*t))
}
