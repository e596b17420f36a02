// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"tcpledger/agent/message"
	"tcpledger/schema"
)

const (
	// magic begins every frame. Another format has another one, and another ending of its files' names.
	magic = uint32(0x31534c54) // "TLS1"
	// fixedBytes is a frame's part of fixed length, its checksum last.
	fixedBytes = 52
	// maxKey is the longest key: a host's name is at most 253 bytes.
	maxKey = 1024
)

// What a frame may be besides a message.
const (
	// flagTried: the message may have arrived at Kafka, so its numbers must not be told as lost.
	flagTried = uint16(1 << iota)
	// flagMoved: the frame was written when segment `from` was dropped.
	flagMoved
	// flagLastMoved: it is the last one of these, so nothing of that segment is needed any more.
	flagLastMoved
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// fixed is the fixed part of a frame: integers, little endian, in this order behind the magic.
type fixed struct {
	flags       uint16
	key         uint16 // bytes of the key, which follows
	head        uint32 // bytes of the message up to its rows; 0 for a topic without numbers
	body        uint32 // the rest of the message
	records     uint32
	checkpoints uint32
	at          uint64 // kernel time of the first row
	from        uint64 // the dropped segment, with flagMoved
	bodySum     uint32
	headSum     uint32 // over key and head
}

func (f *fixed) bytes() int64 { return fixedBytes + int64(f.key) + int64(f.head) + int64(f.body) }

var errNoFrame = errors.New("no frame")

// parseFixed reads the fixed part from b, which has fixedBytes.
func parseFixed(b []byte) (f fixed, err error) {
	le := binary.LittleEndian
	if le.Uint32(b) != magic || le.Uint32(b[48:]) != crc32.Checksum(b[:48], castagnoli) {
		return f, errNoFrame
	}
	f = fixed{flags: le.Uint16(b[4:]), key: le.Uint16(b[6:]), head: le.Uint32(b[8:]), body: le.Uint32(b[12:]), records: le.Uint32(b[16:]),
		checkpoints: le.Uint32(b[20:]), at: le.Uint64(b[24:]), from: le.Uint64(b[32:]), bodySum: le.Uint32(b[40:]), headSum: le.Uint32(b[44:])}
	if f.key > maxKey || uint64(f.head)+uint64(f.body) > schema.MaxMessageBytes {
		return f, errNoFrame
	}
	return f, nil
}

// appendFrame appends m to b. head is how many bytes of its value are before its rows.
func appendFrame(b []byte, m *message.Message, head int, flags uint16, from uint64) []byte {
	le := binary.LittleEndian
	headSum := crc32.Update(crc32.Checksum(m.Key, castagnoli), castagnoli, m.Value[:head])
	start := len(b)
	b = le.AppendUint32(b, magic)
	b = le.AppendUint16(b, flags)
	b = le.AppendUint16(b, uint16(len(m.Key)))
	b = le.AppendUint32(b, uint32(head))
	b = le.AppendUint32(b, uint32(len(m.Value)-head))
	b = le.AppendUint32(b, uint32(m.Records))
	b = le.AppendUint32(b, uint32(m.Checkpoints))
	b = le.AppendUint64(b, m.At)
	b = le.AppendUint64(b, from)
	b = le.AppendUint32(b, crc32.Checksum(m.Value[head:], castagnoli))
	b = le.AppendUint32(b, headSum)
	b = le.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	b = append(b, m.Key...)
	return append(b, m.Value...)
}

// fits reports whether a message can be a frame.
func fits(m *message.Message) bool {
	return len(m.Key) <= maxKey && len(m.Value) <= schema.MaxMessageBytes
}
