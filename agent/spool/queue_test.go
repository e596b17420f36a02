// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tcpledger/agent/message"
	"tcpledger/schema"
	"tcpledger/test/logged"
)

func TestComesOutAsItWentIn(t *testing.T) {
	dir := quickDir(t)
	q, _ := open(t, dir, 64<<20)
	var want []message.Message
	for n := range uint64(3000) { // more than one read
		m := batch(t, 5, 1, n*3, n*3+2)
		require.NoError(t, q.Put(&m, false))
		m.Ranges = nil
		want = append(want, m)
	}
	require.Positive(t, q.Bytes())
	require.Equal(t, want, read(t, q))
	require.Zero(t, q.Bytes())
	require.Empty(t, segmentsOf(t, dir), "what was sent takes no room")
}

// What one run left the next one sends, and not what was sent before.
func TestOutlivesTheProcess(t *testing.T) {
	dir := quickDir(t)
	q, _ := open(t, dir, 64<<20)
	for n := range uint64(100) {
		m := batch(t, 5, 1, n, n)
		require.NoError(t, q.Put(&m, false))
	}
	got, err := q.Peek(3000)
	require.NoError(t, err)
	require.NotEmpty(t, got)
	ok, err := q.Trying()
	require.True(t, ok)
	require.NoError(t, err)
	require.NoError(t, q.Done(len(got)))
	crash(t, q)

	q, log := open(t, dir, 64<<20)
	require.Contains(t, log.String(), "messages of an earlier run")
	m := batch(t, 6, 1, 0, 0)
	require.NoError(t, q.Put(&m, false))
	left := read(t, q)
	require.Len(t, left, 101-len(got))
	a := account{}
	a.add(t, got...)
	a.add(t, left...)
	require.Len(t, a, 101)
}

// A clock that jumps a year and back changes no order.
func TestClockJumps(t *testing.T) {
	now := time.Now()
	last := nextID(0, now)
	for _, at := range []time.Time{now.AddDate(1, 0, 0), now, now.AddDate(-30, 0, 0), time.Unix(-5, 0), now.AddDate(2, 0, 0)} {
		id := nextID(last, at)
		require.Greater(t, id, last)
		last = id
	}
}

// The oldest go first, and their numbers are in loss ranges of their own sessions, told when the queue is read.
func TestOldestIsDroppedAndCounted(t *testing.T) {
	const limit = 1 << 20
	dir := quickDir(t)
	q, log := open(t, dir, limit)
	const n = 3000
	for session := uint64(1); session <= 3; session++ {
		for seq := range uint64(n) {
			m := batch(t, session, uint32(seq%3), seq, seq)
			require.NoError(t, q.Put(&m, false))
			require.LessOrEqual(t, q.Bytes(), int64(limit))
		}
		if session == 3 {
			require.Contains(t, log.String(), "drops its oldest segments")
		}
		crash(t, q)
		q, log = open(t, dir, limit)
	}
	previous := account{}
	previous.add(t, read(t, q)...)
	require.Len(t, previous, 3*n)
	newestLost, oldestKept := number{}, number{session: 9}
	for at, s := range previous {
		require.Equal(t, 1, s.rows+s.lost, "%+v", at)
		if s.lost > 0 {
			require.Equal(t, schema.LossSpoolOverflow, s.cause)
			if at.session > newestLost.session || at.session == newestLost.session && at.seq > newestLost.seq {
				newestLost = at
			}
		} else if at.session < oldestKept.session || at.session == oldestKept.session && at.seq < oldestKept.seq {
			oldestKept = at
		}
	}
	require.Positive(t, newestLost.session)
	require.Less(t, newestLost.session*n+newestLost.seq, oldestKept.session*n+oldestKept.seq)
}

// What may have arrived is never told as lost: it stays, and what does not fit beside it is refused.
func TestTriedIsNotDropped(t *testing.T) {
	q, _ := open(t, quickDir(t), 256<<10)
	put := func(seq uint64, tried bool) error {
		m := batch(t, 1, 0, seq, seq)
		return q.Put(&m, tried)
	}
	const tried = 20
	for seq := range uint64(tried) {
		require.NoError(t, put(seq, true))
	}
	for seq := uint64(tried); seq < 3000; seq++ {
		require.NoError(t, put(seq, false))
	}
	a := account{}
	a.add(t, read(t, q)...)
	require.Len(t, a, 3000)
	for at, s := range a {
		require.Equal(t, 1, s.rows+s.lost, "%+v", at)
		if at.seq < tried {
			require.Equal(t, 1, s.rows, "%+v", at)
		}
	}

	for seq := uint64(0); ; seq++ {
		if err := put(seq, true); err != nil {
			require.ErrorIs(t, err, ErrFull)
			break
		}
		require.Less(t, seq, uint64(10_000))
	}
}

// A segment that is being sent is not dropped; one that was read and then dropped is not sent.
func TestReadingAndDropping(t *testing.T) {
	q, _ := open(t, quickDir(t), 256<<10)
	seq := uint64(0)
	fill := func() {
		for range 3000 {
			m := batch(t, 1, 0, seq, seq)
			require.NoError(t, q.Put(&m, false))
			seq++
		}
	}
	a := account{}
	fill()
	first, err := q.Peek(1000)
	require.NoError(t, err)
	ok, err := q.Trying()
	require.NoError(t, err)
	require.True(t, ok)
	fill()
	again, err := q.Peek(1000)
	require.NoError(t, err)
	require.Equal(t, first, again)
	a.add(t, first...)
	require.NoError(t, q.Done(len(first)))
	for {
		got, err := q.Peek(1 << 20)
		require.NoError(t, err)
		if !q.segments[0].tried {
			break
		}
		a.add(t, got...)
		require.NoError(t, q.Done(len(got)))
	}
	fill() // drops what was read last
	ok, err = q.Trying()
	require.NoError(t, err)
	require.False(t, ok)
	a.add(t, read(t, q)...)
	require.Len(t, a, int(seq))
	for at, s := range a {
		require.Equal(t, 1, s.rows+s.lost, "%+v", at)
	}
}

// A run that ends between a drop's two steps: the next one ends the drop, so nothing is both sent and lost.
func TestDropIsEnded(t *testing.T) {
	for _, complete := range []bool{true, false} {
		dir := quickDir(t)
		q, _ := open(t, dir, 64<<20)
		q.perFile = 4096
		for seq := range uint64(100) {
			m := batch(t, 1+seq/20, 0, seq, seq) // more than one session in a segment
			require.NoError(t, q.Put(&m, false))
		}
		require.NoError(t, q.seal())
		oldest := q.segments[0].path
		kept, err := os.ReadFile(oldest)
		require.NoError(t, err)
		require.NoError(t, q.drop(0))
		newest := q.segments[len(q.segments)-1]
		crash(t, q)
		require.NoError(t, os.WriteFile(oldest, kept, 0o600))
		if !complete {
			require.NoError(t, os.Truncate(newest.path, newest.size-3))
		}
		q, _ = open(t, dir, 64<<20)
		a := account{}
		a.add(t, read(t, q)...)
		require.Len(t, a, 100)
		lost := 0
		for at, s := range a {
			require.Equal(t, 1, s.rows+s.lost, "%+v", at)
			lost += s.lost
		}
		require.Equal(t, complete, lost > 0)
	}
}

// A segment of another host or of another version stays as it is, is said, and goes before anything of this host if its room is needed.
func TestForeignIsSetAside(t *testing.T) {
	dir := quickDir(t)
	folder := filepath.Join(dir, schema.TopicEvents)
	q, _ := open(t, dir, 1<<20)
	m := batch(t, 1, 0, 0, 0)
	m.Key = []byte("web-2")
	require.NoError(t, q.Put(&m, false))
	crash(t, q)
	newer := filepath.Join(folder, "00000000000000ff.v2")
	require.NoError(t, os.WriteFile(newer, make([]byte, 300<<10), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "notes.txt"), []byte("mine"), 0o600))

	q, log := open(t, dir, 1<<20)
	require.Contains(t, log.String(), `of host \"web-2\"`)
	require.Contains(t, log.String(), "of format v2, this version reads v1")
	require.Empty(t, read(t, q))
	require.Equal(t, float64(300<<10+block), testutil.ToFloat64(q.metrics.aside))
	const n = 4000
	for seq := range uint64(n) {
		m := batch(t, 1, 0, seq, seq)
		require.NoError(t, q.Put(&m, false))
	}
	require.NoFileExists(t, newer)
	require.FileExists(t, filepath.Join(folder, "notes.txt"))
	require.Zero(t, testutil.ToFloat64(q.metrics.aside))
	require.Contains(t, log.String(), "removed it")
	a := account{}
	a.add(t, read(t, q)...)
	require.Len(t, a, n)

	// The host that it is of finds its own.
	q, _ = open(t, dir, 1<<20)
	m = batch(t, 1, 0, 0, 0)
	require.NoError(t, q.Put(&m, false))
	crash(t, q)
	c := config(dir, 1<<20, &logged.Text{})
	c.Host = "web-3"
	q, err := openQueue(&c, schema.TopicEvents, 1<<20, newMetrics(c.Registry))
	require.NoError(t, err)
	require.Empty(t, read(t, q))
	require.NoError(t, q.close())
	q, _ = open(t, dir, 1<<20)
	require.Len(t, read(t, q), 1)
}

func TestRefusedBecomesALoss(t *testing.T) {
	q, _ := open(t, quickDir(t), 1<<20)
	for seq := range uint64(3) {
		m := batch(t, 7, 0, seq*10, seq*10+9)
		require.NoError(t, q.Put(&m, false))
	}
	a := account{}
	got, err := q.Peek(1)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.NoError(t, q.Refused(schema.LossTooLarge))
	a.add(t, read(t, q)...)
	require.Len(t, a, 30)
	for at, s := range a {
		if at.seq < 10 {
			require.Equal(t, seen{lost: 1, cause: schema.LossTooLarge}, *s)
		} else {
			require.Equal(t, seen{rows: 1}, *s)
		}
	}
}
