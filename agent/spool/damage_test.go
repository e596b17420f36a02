// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
	"tcpledger/test/logged"
)

// stored writes n messages of 10 numbers each and gives the segment's bytes.
func stored(t testing.TB, dir string, n uint64) (path string, content []byte) {
	t.Helper()
	q, _ := open(t, dir, 64<<20)
	for i := range n {
		m := batch(t, 1, 0, i*10, i*10+9)
		require.NoError(t, q.Put(&m, false))
	}
	path = q.segments[0].path
	crash(t, q)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return path, content
}

// A bit that flips anywhere costs one message at most. Its numbers are told as lost, unless the flip is in what says them.
func TestBitFlips(t *testing.T) {
	dir := quickDir(t)
	const messages = 4
	path, content := stored(t, dir, messages)
	whole, known, unknown := 0, 0, 0
	for bit := 0; bit < 8*len(content); bit += 101 {
		flipped := bytes.Clone(content)
		flipped[bit/8] ^= 1 << (bit % 8)
		require.NoError(t, os.WriteFile(path, flipped, 0o600))
		_ = os.Remove(filepath.Join(dir, schema.TopicEvents, cursorFile)) // of the round before
		q, log := open(t, dir, 64<<20)
		a := account{}
		a.add(t, read(t, q)...)
		require.NoError(t, q.close())
		require.Contains(t, log.String(), "damaged", "bit %d", bit)
		for at, s := range a {
			require.Equal(t, 1, s.rows+s.lost, "bit %d: %+v", bit, at)
			if s.lost > 0 {
				require.Equal(t, schema.LossSpoolDamaged, s.cause)
			}
		}
		lost := 0
		for _, s := range a {
			lost += s.lost
		}
		switch {
		case len(a) == 10*messages && lost == 10:
			known++
		case len(a) == 10*(messages-1) && lost == 0:
			unknown++
		default:
			whole++
		}
	}
	require.Zero(t, whole, "a flip that costs more than its message, or nothing")
	require.Greater(t, known, 3*unknown, "most flips leave the numbers known")
}

// A tail that was cut anywhere, as a power cut may leave it: what is before it is whole, and the cut message's numbers are told as far as
// they are there.
func TestTornTail(t *testing.T) {
	dir := quickDir(t)
	const messages = 3
	path, content := stored(t, dir, messages)
	for size := 1; size < len(content); size += 11 {
		require.NoError(t, os.WriteFile(path, content[:size], 0o600))
		_ = os.Remove(filepath.Join(dir, schema.TopicEvents, cursorFile)) // of the round before
		q, _ := open(t, dir, 64<<20)
		a := account{}
		a.add(t, read(t, q)...)
		require.NoError(t, q.close())
		rows := 0
		for at, s := range a {
			require.Equal(t, 1, s.rows+s.lost, "%d bytes: %+v", size, at)
			rows += s.rows
		}
		require.Equal(t, size*messages/len(content)*10, rows, "%d bytes", size)
		require.LessOrEqual(t, len(a)-rows, 10)
	}
}

// A block of zeros, as a file system may show after a power cut, hides what is in it only.
func TestZeroedBlock(t *testing.T) {
	dir := quickDir(t)
	path, content := stored(t, dir, 40)
	clear(content[4096:8192])
	require.NoError(t, os.WriteFile(path, content, 0o600))
	q, _ := open(t, dir, 64<<20)
	a := account{}
	a.add(t, read(t, q)...)
	for at, s := range a {
		require.Equal(t, 1, s.rows+s.lost, "%+v", at)
	}
	require.Greater(t, len(a), 350)
	require.Positive(t, testutil.ToFloat64(q.metrics.damagedBytes))
}

// A damaged cursor: nothing that may have arrived is told as lost.
func TestDamagedCursor(t *testing.T) {
	dir := quickDir(t)
	stored(t, dir, 5)
	require.NoError(t, os.WriteFile(filepath.Join(dir, schema.TopicEvents, cursorFile), []byte("what is this?"), 0o600))
	q, _ := open(t, dir, 64<<20)
	require.True(t, q.segments[0].tried)
	require.Len(t, read(t, q), 5)
}

// FuzzSegment reads any bytes as a segment: it ends, and gives only frames whose checksums are right.
func FuzzSegment(f *testing.F) {
	m := batch(f, 1, 0, 0, 3)
	frame := appendFrame(nil, &m, 60, 0, 0)
	f.Add(frame)
	f.Add(append(append([]byte("torn"), frame...), frame[:len(frame)-5]...))
	f.Add(binary.LittleEndian.AppendUint32(nil, magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := scanner{file: bytes.NewReader(b), size: int64(len(b))}
		for last := int64(-1); ; last = s.offset {
			got, err := s.next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			require.Greater(t, s.offset, last)
			require.LessOrEqual(t, len(got.key)+len(got.value), len(b))
		}
		require.LessOrEqual(t, s.skipped, int64(len(b)))
	})
}

// A full disk: the message is not there, what was there stays, and it goes on when there is room.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, 1<<20)
	q, _ := open(t, dir, 64<<20)
	seq := uint64(0)
	put := func() error {
		m := batch(t, 1, 0, seq, seq+99)
		err := q.Put(&m, false)
		if err == nil {
			seq += 100
		}
		return err
	}
	var err error
	for err == nil {
		err = put()
		require.Less(t, seq, uint64(100_000))
	}
	require.ErrorIs(t, err, unix.ENOSPC)
	full := seq
	require.Error(t, put())
	got, err := q.Peek(300_000)
	require.NoError(t, err)
	_, err = q.Trying()
	require.NoError(t, err)
	a := account{}
	a.add(t, got...)
	require.NoError(t, q.Done(len(got)))
	a.add(t, read(t, q)...)
	require.NoError(t, put())
	a.add(t, read(t, q)...)
	require.Greater(t, seq, full)
	require.Len(t, a, int(seq))
	for at, s := range a {
		require.Equal(t, seen{rows: 1}, *s, "%+v", at)
	}
}

// A disk that is full at the start keeps nothing from what an earlier run left.
func TestFullDiskAtTheStart(t *testing.T) {
	dir := smallDisk(t, 1<<20)
	stored(t, dir, 50)
	filler, err := os.Create(filepath.Join(dir, "filler"))
	require.NoError(t, err)
	_, err = filler.Write(make([]byte, 2<<20))
	require.ErrorIs(t, err, unix.ENOSPC)
	require.NoError(t, filler.Close())
	log := &logged.Text{}
	s, err := Open(config(dir, 64<<20, log))
	require.NoError(t, err)
	m := batch(t, 1, 0, 1000, 1000)
	require.ErrorIs(t, s.records.Put(&m, false), unix.ENOSPC)
	a := account{}
	for {
		got, err := s.records.Peek(1 << 20)
		require.NoError(t, err)
		if len(got) == 0 {
			break
		}
		ok, _ := s.records.Trying()
		require.True(t, ok)
		a.add(t, got...)
		_ = s.records.Done(len(got)) // the cursor may find no room
	}
	require.Len(t, a, 500)
	require.NoError(t, s.Close())
}

// smallDisk mounts a file system of this size.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small disk")
	}
	dir := quickDir(t)
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+itoa(size)))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}
