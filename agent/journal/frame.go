// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"tcpledger/agent/message"
	"tcpledger/schema"
)

// A frame is its length (4 bytes), a checksum (4), its kind (1) and its payload. The length is that of kind and payload.
const (
	frameHead    = 'H' // JSON: the session, and the numbers that are in messages
	frameMessage = 'M' // a message
	frameDone    = 'D' // the id of a message that is safe
	frameLost    = 'L' // the id of a message that was dropped, and the cause
	frameState   = 'S' // JSON: the state; frames of what is held follow
	frameHeld    = 'C' // a batch of endings that wait for their reset
)

const (
	prefixBytes = 8
	// maxFrame holds the largest message, and a head of many ranges.
	maxFrame = 64 << 20
	// messageBytes is the fixed part of a message: id, kernel time, records, checkpoints, lengths of topic and key.
	messageBytes = 8 + 8 + 4 + 4 + 2 + 2
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	le         = binary.LittleEndian

	errTorn    = errors.New("cut off")
	errDamaged = errors.New("damaged")
)

// appendFrame appends a frame whose payload fill appends.
func appendFrame(b []byte, kind byte, fill func([]byte) []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, prefixBytes)...)
	b = fill(append(b, kind))
	body := b[start+prefixBytes:]
	le.PutUint32(b[start:], uint32(len(body)))
	le.PutUint32(b[start+4:], crc32.Checksum(body, castagnoli))
	return b
}

func appendJSON(b []byte, kind byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return b, fmt.Errorf("encode a frame of the journal: %w", err)
	}
	return appendFrame(b, kind, func(b []byte) []byte { return append(b, text...) }), nil
}

func appendID(b []byte, kind byte, id uint64, text string) []byte {
	return appendFrame(b, kind, func(b []byte) []byte { return append(le.AppendUint64(b, id), text...) })
}

func appendMessage(b []byte, kind byte, m *message.Message) []byte {
	return appendFrame(b, kind, func(b []byte) []byte {
		b = le.AppendUint64(b, m.ID)
		b = le.AppendUint64(b, m.At)
		b = le.AppendUint32(b, uint32(m.Records))
		b = le.AppendUint32(b, uint32(m.Checkpoints))
		b = le.AppendUint16(b, uint16(len(m.Topic)))
		b = le.AppendUint16(b, uint16(len(m.Key)))
		b = append(b, m.Topic...)
		b = append(b, m.Key...)
		return append(b, m.Value...)
	})
}

// parseMessage undoes appendMessage. The message refers to b. If it is of another session than h, it comes without its numbers
// and checkpoints.
func parseMessage(b []byte, h *schema.Header, decoder *schema.BatchDecoder) (*message.Message, error) {
	if len(b) < messageBytes {
		return nil, errDamaged
	}
	topic, key := int(le.Uint16(b[24:])), int(le.Uint16(b[26:]))
	rest := b[messageBytes:]
	if len(rest) < topic+key {
		return nil, errDamaged
	}
	m := &message.Message{ID: le.Uint64(b), At: le.Uint64(b[8:]), Records: int(le.Uint32(b[16:])), Checkpoints: int(le.Uint32(b[20:])),
		Topic: string(rest[:topic]), Key: rest[topic : topic+key], Value: rest[topic+key:]}
	if m.Topic != schema.TopicEvents {
		return m, nil
	}
	var batch schema.Batch
	if err := decoder.Decode(m.Value, &batch); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if batch.Session != h.Session || batch.BootID != h.BootID {
		m.Checkpoints = 0
		return m, nil
	}
	m.Ranges, m.Losses = append([]schema.Range(nil), batch.Ranges...), append([]schema.Loss(nil), batch.Losses...)
	return m, nil
}

// readFrame gives the next frame, whose payload is the caller's. errTorn: the file ends within it.
func readFrame(r io.Reader, left int64) (kind byte, payload []byte, err error) {
	var prefix [prefixBytes]byte
	if left < prefixBytes {
		return 0, nil, errTorn
	}
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return 0, nil, err
	}
	n := int64(le.Uint32(prefix[:]))
	if n < 1 || n > maxFrame {
		return 0, nil, errDamaged
	}
	if n > left-prefixBytes {
		return 0, nil, errTorn
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, nil, err
	}
	if crc32.Checksum(body, castagnoli) != le.Uint32(prefix[4:]) {
		return 0, nil, errDamaged
	}
	return body[0], body[1:], nil
}
