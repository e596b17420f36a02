// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/agent/message"
	"tcpledger/schema"
)

var header = schema.Header{Host: "web-1", BootID: "6f1c9a3e-0000-4000-8000-000000000001", Session: 7, Run: 8}

// batch makes a message with connections of these numbers, and losses.
func batch(t testing.TB, stream uint32, from, to uint64, losses ...schema.Loss) message.Message {
	t.Helper()
	rows := schema.NewBatchEncoder()
	for seq := from; seq <= to; seq++ {
		rows.AddConnection(&schema.Connection{Identity: schema.Identity{Stream: stream, Seq: seq, At: 1000 + seq}})
	}
	for i := range losses {
		rows.AddLoss(&losses[i])
	}
	m := message.Message{Topic: schema.TopicEvents, Key: []byte("web-1"), Records: rows.Records(), Losses: losses, At: 1000 + from}
	var err error
	m.Value, m.Ranges, err = rows.Finish(&header)
	require.NoError(t, err)
	return m
}

// endings are connections of stream 1.
func endings(numbers ...uint64) iter.Seq[*schema.Connection] {
	return func(yield func(*schema.Connection) bool) {
		for _, seq := range numbers {
			if !yield(&schema.Connection{Identity: schema.Identity{Stream: 1, Seq: seq, At: 1000 + seq}}) {
				return
			}
		}
	}
}

func opened(t testing.TB, dir string) (*Journal, *Past) {
	t.Helper()
	j, past, err := Open(dir, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return j, past
}

func begun(t testing.TB, dir string) *Journal {
	t.Helper()
	j, _ := opened(t, dir)
	require.NoError(t, j.Begin(header))
	return j
}

func TestNothingIsLeft(t *testing.T) {
	_, past := opened(t, t.TempDir())
	require.Nil(t, past)
	require.False(t, past.Is(header.BootID, 7))
	var none *Journal
	m := batch(t, 1, 0, 0)
	none.Add(&m)
	none.Done(&m)
	none.Save(State{})
}

// What a run leaves without any farewell is what the next one finds.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	j := begun(t, dir)
	first, second, third := batch(t, 1, 0, 4), batch(t, 1, 6, 9), batch(t, 2, 0, 0)
	third.Checkpoints = 1
	for _, m := range []*message.Message{&first, &second, &third} {
		j.Add(m)
	}
	j.Done(&first)
	j.Lost(&third, schema.LossQueueOverflow)
	require.NoError(t, j.Leave(State{LingeringOwn: 3, Late: 2}, endings(5, 9, 10)))

	again, past := opened(t, dir)
	require.True(t, past.Is(header.BootID, 7))
	require.Equal(t, header, past.Header)
	require.True(t, past.Started)
	require.Equal(t, []message.Message{second}, again.Unsent())
	require.Equal(t, []schema.Range{{Stream: 1, From: 0, To: 4}, {Stream: 1, From: 6, To: 9}, {Stream: 2, From: 0, To: 0}}, past.Reached)
	require.Equal(t, []schema.Loss{{At: 1000, Stream: 2, SeqFrom: 0, SeqTo: 0, Cause: schema.LossQueueOverflow}}, past.Untold)
	require.Equal(t, State{LingeringOwn: 3, Late: 2, Clean: true}, past.State)
	held, err := past.Endings()
	require.NoError(t, err)
	require.Len(t, held, 2, "9 is in a message")
	require.Equal(t, []uint64{5, 10}, []uint64{held[0].Seq, held[1].Seq})

	told := batch(t, 3, 0, 0, past.Untold...)
	j.Add(&told)
	_, past = opened(t, dir)
	require.Empty(t, past.Untold, "a loss that is in a message is told")
}

// A run that goes on keeps all; one that begins a session keeps only what may not have arrived.
func TestBegin(t *testing.T) {
	dir := t.TempDir()
	j := begun(t, dir)
	m := batch(t, 1, 0, 4)
	j.Add(&m)
	require.NoError(t, j.Leave(State{Late: 2}, endings(5)))

	j, _ = opened(t, dir)
	h := header
	h.Run = 9
	require.NoError(t, j.Begin(h))
	j.Save(State{Late: 2})
	j, past := opened(t, dir)
	require.Equal(t, h, past.Header)
	require.Equal(t, []schema.Range{{Stream: 1, From: 0, To: 4}}, past.Reached)
	require.Equal(t, State{Late: 2}, past.State, "not clean before it ends")
	require.Len(t, past.Held, 1)
	next := batch(t, 1, 5, 5)
	require.NoError(t, j.Begin(h))
	j.Add(&next)
	require.Equal(t, m.ID+1, next.ID)
	j.Save(State{})

	h.Session = 70
	require.NoError(t, j.Begin(h))
	again, past := opened(t, dir)
	require.Empty(t, past.Reached)
	require.Empty(t, past.Held)
	unsent := again.Unsent()
	require.Len(t, unsent, 2)
	require.Equal(t, m.Value, unsent[0].Value)
	require.Empty(t, unsent[0].Ranges, "those are numbers of another session")
	again.Lost(&unsent[0], schema.LossTooLarge)
	_, past = opened(t, dir)
	require.Empty(t, past.Untold)
}

// Any operations, and the file made anew now and then: it always says what a plain list says.
func TestAgainstAModel(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		dir := t.TempDir()
		j := begun(t, dir)
		reached, live := message.NewNumbers(), map[uint64]message.Message{}
		for seq := range uint64(100) {
			m := batch(t, 1, 3*seq, 3*seq+random.Uint64N(3))
			j.Add(&m)
			reached.Add(m.Ranges[0])
			live[m.ID] = m
			for id, m := range live {
				if random.Uint32N(3) == 0 {
					j.Done(&m)
					delete(live, id)
				}
			}
			switch random.Uint32N(20) {
			case 0:
				j.base = -maxGrowth // the next one makes it anew
			case 1:
				j, _ = opened(t, dir)
				require.NoError(t, j.Begin(header))
			}
		}
		again, past := opened(t, dir)
		require.Equal(t, reached.Ranges(), past.Reached)
		require.Len(t, again.Unsent(), len(live))
		for _, m := range again.Unsent() {
			require.Equal(t, live[m.ID], m)
		}
	}
}

// A file that ends anywhere was cut by a kill: what is whole counts. A flipped bit makes it all unknown, unless it makes a frame that seems longer than the file.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	j := begun(t, dir)
	start := j.size
	for seq := range uint64(3) {
		m := batch(t, 1, seq, seq)
		j.Add(&m)
	}
	path := filepath.Join(dir, fileName)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for size := range len(content) {
		require.NoError(t, os.WriteFile(path, content[:size], 0o600))
		again, past := opened(t, dir)
		whole := (int64(size) - start) * 3 / (int64(len(content)) - start)
		if int64(size) < start { // the head is made before the file has its name
			require.True(t, past.Damaged || len(again.Unsent()) == 0)
			continue
		}
		require.False(t, past.Damaged, "%d bytes", size)
		require.Len(t, again.Unsent(), int(whole))
	}
	for bit := 0; bit < 8*len(content); bit += 5 {
		flipped := bytes.Clone(content)
		flipped[bit/8] ^= 1 << (bit % 8)
		require.NoError(t, os.WriteFile(path, flipped, 0o600))
		again, past := opened(t, dir)
		require.True(t, past.Damaged || len(again.Unsent()) < 3, "bit %d", bit)
	}
}

// A disk that takes no more: the file goes, since it would say too little, and comes back with all of it.
func TestUnwritable(t *testing.T) {
	dir := t.TempDir()
	j := begun(t, dir)
	require.NoError(t, j.file.Close())
	m := batch(t, 1, 0, 4)
	j.Add(&m)
	require.NoFileExists(t, filepath.Join(dir, fileName))
	next := batch(t, 1, 5, 5)
	j.Add(&next)
	require.NoFileExists(t, filepath.Join(dir, fileName), "it is left alone for a while")
	j.retryAt = j.retryAt.Add(-retryAfter)
	j.Done(&m)
	again, past := opened(t, dir)
	require.Equal(t, []schema.Range{{Stream: 1, From: 0, To: 5}}, past.Reached)
	require.Len(t, again.Unsent(), 1)
}

func FuzzParse(f *testing.F) {
	dir := f.TempDir()
	j := begun(f, dir)
	m := batch(f, 1, 0, 2, schema.Loss{Stream: 1, SeqFrom: 3, SeqTo: 9, Cause: schema.LossRingFull})
	j.Add(&m)
	j.Lost(&m, schema.LossTooLarge)
	require.NoError(f, j.Leave(State{Late: 1}, endings(5)))
	content, err := os.ReadFile(filepath.Join(dir, fileName))
	require.NoError(f, err)
	f.Add(content)
	f.Add(content[:len(content)-3])
	f.Fuzz(func(_ *testing.T, b []byte) {
		c, err := parse(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			_ = c.past(false)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	j := begun(b, b.TempDir())
	m := batch(b, 1, 0, 999)
	b.SetBytes(int64(len(m.Value)))
	for b.Loop() {
		j.Add(&m)
		j.Done(&m)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/record")
}
