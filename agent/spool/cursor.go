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

	"golang.org/x/sys/unix"
)

// cursor says how far the oldest segment is sent. It lasts before the first message of a segment is tried, so that no later run tells
// numbers as lost which may have arrived. How far in the segment is a hint: what is sent again changes no answer.
type cursor struct {
	segment uint64
	offset  int64
}

const (
	cursorFile  = "cursor"
	cursorBytes = 20
)

// readCursor gives the cursor of a folder. valid is false if there is none, or its file is damaged: then unsure is true.
func readCursor(dir string) (c cursor, valid, unsure bool, err error) {
	file, err := os.Open(filepath.Join(dir, cursorFile))
	if errors.Is(err, os.ErrNotExist) {
		return c, false, false, nil
	}
	if err != nil {
		return c, false, false, err
	}
	defer func() { _ = file.Close() }() // it was only read
	b, err := io.ReadAll(io.LimitReader(file, cursorBytes+1))
	if err != nil {
		return c, false, false, err
	}
	if len(b) == 0 {
		return c, false, false, nil
	}
	le := binary.LittleEndian
	if len(b) != cursorBytes || le.Uint32(b[16:]) != crc32.Checksum(b[:16], castagnoli) {
		return c, false, true, nil
	}
	return cursor{le.Uint64(b), int64(le.Uint64(b[8:]))}, true, false, nil
}

// write writes the cursor into its open file; lasting says that it must outlive a power cut.
func (c cursor) write(file *os.File, lasting bool) error {
	le := binary.LittleEndian
	b := le.AppendUint64(make([]byte, 0, cursorBytes), c.segment)
	b = le.AppendUint64(b, uint64(c.offset))
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if _, err := file.WriteAt(b, 0); err != nil {
		return fmt.Errorf("write the spool's cursor: %w", err)
	}
	if !lasting {
		return nil
	}
	if err := unix.Fdatasync(int(file.Fd())); err != nil {
		return fmt.Errorf("sync the spool's cursor: %w", err)
	}
	return nil
}
