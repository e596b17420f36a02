// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"

	"tcpledger/agent/message"
	"tcpledger/schema"
)

// flight keeps, for the run after one that is killed, the request that was on its way to Kafka from memory, and which numbers had
// been accounted for by then. Nothing of it is synced: it is for the end of the process, not of the machine.
//
// The request is written first, then the account that names its checksum; accounts take turns in two files, so that one is always whole.
type flight struct {
	mu      sync.Mutex
	request *os.File
	account [2]*os.File
	turn    uint64 // of the account written last
	reached Reached
	size    uint32 // of the request; 0: none is on its way
	sum     uint32
	buffer  []byte
	decoder *schema.BatchDecoder
}

const (
	accountMagic = uint32(0x3141534c) // "LSA1"
	// maxAccount bounds what is read of an account.
	maxAccount = 16 << 20
	maxRequest = 8 << 20
)

// openFlight opens the files and gives what the last run left: its account, nil if there is none, and the request as frames.
func openFlight(dir string) (*flight, *Reached, []byte, error) {
	f := &flight{decoder: schema.NewBatchDecoder()}
	var err error
	for i, file := range []**os.File{&f.request, &f.account[0], &f.account[1]} {
		name := filepath.Join(dir, []string{"flight", "account.0", "account.1"}[i])
		if *file, err = os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
			return nil, nil, nil, errors.Join(err, f.closeFiles())
		}
	}
	last := f.last()
	if last == nil {
		return f, nil, nil, nil
	}
	f.reached = *last.clone()
	request := make([]byte, min(f.size, maxRequest))
	if _, err := f.request.ReadAt(request, 0); err != nil || crc32.Checksum(request, castagnoli) != f.sum {
		request = nil // it was written over by one that was not sent
	}
	f.size = 0
	return f, last, request, nil
}

// last reads the newer of the two accounts that are whole.
func (f *flight) last() (newest *Reached) {
	for _, file := range f.account {
		b, err := io.ReadAll(io.LimitReader(file, maxAccount))
		if err != nil {
			continue
		}
		if a, err := parseAccount(b); err == nil && (newest == nil || a.turn > f.turn) {
			newest, f.turn, f.size, f.sum = &a.reached, a.turn, a.size, a.sum
		}
	}
	return newest
}

// fly notes that messages are about to be sent from memory.
func (f *flight) fly(batch []message.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buffer = f.buffer[:0]
	var h schema.Header
	for i := range batch {
		m := &batch[i]
		head, err := f.decoder.DecodeHeader(m.Value, &h)
		if err != nil {
			continue // it has no numbers that one could know
		}
		f.buffer = appendFrame(f.buffer, m, head, flagTried, 0)
		f.reached.add(&h, m)
	}
	if _, err := f.request.WriteAt(f.buffer, 0); err != nil {
		return fmt.Errorf("note what is sent: %w", err)
	}
	f.size, f.sum = uint32(len(f.buffer)), crc32.Checksum(f.buffer, castagnoli)
	return f.write()
}

// add notes a message that is on disk.
func (f *flight) add(h *schema.Header, m *message.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reached.add(h, m)
	return f.write()
}

// write writes the account. The lock is held.
func (f *flight) write() error {
	f.turn++
	b := appendAccount(nil, f)
	file := f.account[f.turn%2]
	if _, err := file.WriteAt(b, 0); err != nil {
		return fmt.Errorf("write the spool's account: %w", err)
	}
	return file.Truncate(int64(len(b)))
}

// close notes that nothing is on its way.
func (f *flight) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.size = 0
	var err error
	if f.reached.Session != 0 {
		err = f.write()
	}
	return errors.Join(err, f.closeFiles())
}

func (f *flight) closeFiles() (err error) {
	for _, file := range []*os.File{f.request, f.account[0], f.account[1]} {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
	}
	return err
}

// snapshot is the content of a file of accounts.
type snapshot struct {
	reached   Reached
	turn      uint64
	size, sum uint32
}

// appendAccount encodes: magic, turn, the request's size and checksum, session, run, boot id, streams with their ranges, checksum.
func appendAccount(b []byte, f *flight) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, accountMagic)
	b = le.AppendUint64(b, f.turn)
	b = le.AppendUint32(b, f.size)
	b = le.AppendUint32(b, f.sum)
	b = le.AppendUint64(b, f.reached.Session)
	b = le.AppendUint64(b, f.reached.Run)
	b = le.AppendUint32(b, uint32(len(f.reached.BootID)))
	b = append(b, f.reached.BootID...)
	for stream, ranges := range f.reached.Streams {
		for _, r := range ranges {
			b = le.AppendUint32(b, stream)
			b = le.AppendUint64(b, r.From)
			b = le.AppendUint64(b, r.To)
		}
	}
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

var errNoAccount = errors.New("no account")

const (
	accountFront = 40
	accountRange = 20
)

func parseAccount(b []byte) (a snapshot, err error) {
	le := binary.LittleEndian
	if len(b) < accountFront+4 || le.Uint32(b) != accountMagic || crc32.Checksum(b[:len(b)-4], castagnoli) != le.Uint32(b[len(b)-4:]) {
		return a, errNoAccount
	}
	a.turn, a.size, a.sum = le.Uint64(b[4:]), le.Uint32(b[12:]), le.Uint32(b[16:])
	a.reached = Reached{Session: le.Uint64(b[20:]), Run: le.Uint64(b[28:]), Streams: map[uint32][]schema.Range{}}
	boot := int(le.Uint32(b[36:]))
	b = b[accountFront : len(b)-4]
	if boot > len(b) || (len(b)-boot)%accountRange != 0 {
		return a, errNoAccount
	}
	a.reached.BootID = string(b[:boot])
	for b = b[boot:]; len(b) > 0; b = b[accountRange:] {
		r := schema.Range{Stream: le.Uint32(b), From: le.Uint64(b[4:]), To: le.Uint64(b[12:])}
		if r.To < r.From {
			return a, errNoAccount
		}
		a.reached.addRange(r)
	}
	return a, nil
}
