// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"time"
)

// ErrUnreadable marks a batch, or the rest of one, that no reader can read.
var ErrUnreadable = errors.New("unreadable batch")

// Batch is one batch of records. First and Last are the offsets that it takes, as its header says. Raw is the whole batch, a
// part of Answer.Records. Time is the latest time in the batch, the broker's or its sender's; Append is the broker's, zero if
// the topic has the senders' times. Epoch counts the elections of the partition up to that of the leader that wrote the batch.
type Batch struct {
	First   int64
	Last    int64
	Epoch   int32
	Time    time.Time
	Append  time.Time
	Control bool // the mark of a transaction's end: it takes offsets but has no messages
	Raw     []byte

	codec int8
	count int32
}

// The layout of a batch's head.
const (
	lengthAt     = 8
	epochAt      = 12
	magicAt      = 16
	crcAt        = 17
	attributesAt = 21
	lastAt       = 23
	maxTimeAt    = 35
	countAt      = 57
	headSize     = 61

	magic          = 2
	codecMask      = 0x7
	appendTimeMask = 0x8
	controlMask    = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Batches walks through the batches of an answer. A batch that cannot be read comes with an error that is ErrUnreadable; it is
// the last. Its First, Last and Raw are what its head says then, which may be wrong. A batch at the end that is cut short is
// left out, unless it is the only one.
func (a *Answer) Batches() iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		for rest, first := a.Records, true; len(rest) > 0; first = false {
			b, whole, err := parse(rest)
			if !whole && !first && !a.TooLarge {
				return
			}
			if a.TooLarge && !whole {
				err = fmt.Errorf("%w: more than %d bytes", ErrUnreadable, MaxAnswer)
			}
			if !yield(b, err) || err != nil {
				return
			}
			rest = rest[len(b.Raw):]
		}
	}
}

// parse reads the head of the first batch in data and checks its sum. whole is false if data ends before the batch does.
func parse(data []byte) (b Batch, whole bool, err error) {
	b = Batch{First: -1, Last: -1, Raw: data}
	if len(data) < headSize {
		return b, false, fmt.Errorf("%w: %d bytes are less than a head", ErrUnreadable, len(data))
	}
	b.First = int64(binary.BigEndian.Uint64(data))
	b.Last = b.First + int64(int32(binary.BigEndian.Uint32(data[lastAt:])))
	size := int64(int32(binary.BigEndian.Uint32(data[lengthAt:]))) + lengthAt + 4
	if data[magicAt] != magic {
		return b, true, fmt.Errorf("%w: format %d, format %d expected", ErrUnreadable, data[magicAt], magic)
	}
	if size < headSize || b.First < 0 || b.Last < b.First {
		return b, true, fmt.Errorf("%w: %d bytes with offsets %d to %d", ErrUnreadable, size, b.First, b.Last)
	}
	if size > int64(len(data)) {
		return b, false, fmt.Errorf("%w: %d bytes of which %d came", ErrUnreadable, size, len(data))
	}
	b.Raw = data[:size]
	if want, have := binary.BigEndian.Uint32(data[crcAt:]), crc32.Checksum(b.Raw[attributesAt:], castagnoli); want != have {
		return b, true, fmt.Errorf("%w: its checksum is %08x, its bytes give %08x", ErrUnreadable, want, have)
	}
	b.Epoch = int32(binary.BigEndian.Uint32(data[epochAt:]))
	attributes := binary.BigEndian.Uint16(data[attributesAt:])
	b.codec, b.Control = int8(attributes&codecMask), attributes&controlMask != 0
	b.Time = time.UnixMilli(int64(binary.BigEndian.Uint64(data[maxTimeAt:])))
	if attributes&appendTimeMask != 0 {
		b.Append = b.Time
	}
	b.count = int32(binary.BigEndian.Uint32(data[countAt:]))
	return b, true, nil
}
