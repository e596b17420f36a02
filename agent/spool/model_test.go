// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/agent/message"
)

// quickDir is a folder in memory, if there is such a file system: a sync costs nothing there.
func quickDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "tcpledger-spool-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func itoa(n int) string { return strconv.Itoa(n) }

// model is what must hold whatever happens: every number that was put in comes out in a row, or in one loss range, and never in both.
// What lay in a damaged place may be missing.
type model struct {
	t       *testing.T
	rng     *rand.Rand
	dir     string
	limit   int64
	q       *Queue
	session uint64
	seq     uint64
	put     map[number]bool
	tried   map[number]bool // were sent in vain, or without an answer
	got     account
	damage  int // how often the disk was damaged
}

// TestAgainstModel: in any order of puts, sends, ends by SIGKILL, torn tails and flipped bits.
func TestAgainstModel(t *testing.T) {
	for _, damage := range []bool{false, true} {
		for seed := range uint64(8) {
			m := &model{t: t, rng: rand.New(rand.NewPCG(seed, 9)), dir: quickDir(t), limit: 256 << 10, session: 1, put: map[number]bool{},
				tried: map[number]bool{}, got: account{}}
			m.q, _ = open(t, m.dir, m.limit)
			for range 200 {
				m.step(damage)
				require.LessOrEqual(t, m.q.Bytes(), m.limit+2*maxMoved, "seed %d", seed)
			}
			m.got.add(t, read(t, m.q)...)
			require.NoError(t, m.q.close())
			m.check(seed)
		}
	}
}

// maxMoved is more than what the losses of a dropped segment take.
const maxMoved = 8 << 10

func (m *model) step(damage bool) {
	switch p := m.rng.IntN(100); {
	case p < 55:
		m.putSome()
	case p < 85:
		m.send()
	case p < 95:
		m.restart(func() {})
	case damage && p < 97:
		m.restart(m.tear)
	case damage:
		m.restart(m.flip)
	}
}

func (m *model) putSome() {
	for range m.rng.IntN(30) {
		n := uint64(m.rng.IntN(20) + 1)
		one := batch(m.t, m.session, uint32(m.rng.IntN(3)), m.seq, m.seq+n-1)
		require.NoError(m.t, m.q.Put(&one, false))
		for seq := m.seq; seq < m.seq+n; seq++ {
			m.put[number{m.session, one.Ranges[0].Stream, seq}] = true
		}
		m.seq += n
	}
}

// send sends what comes first; the answer may be lost, or say no.
func (m *model) send() {
	for range m.rng.IntN(6) {
		got, err := m.q.Peek(m.rng.IntN(40_000))
		require.NoError(m.t, err)
		if len(got) == 0 || m.rng.IntN(5) == 0 {
			return
		}
		ok, err := m.q.Trying()
		require.NoError(m.t, err)
		if !ok {
			continue
		}
		n := m.rng.IntN(len(got) + 1)
		m.arrive(got[:n])
		if m.rng.IntN(4) > 0 {
			require.NoError(m.t, m.q.Done(n))
		}
	}
}

func (m *model) arrive(messages []message.Message) { m.got.add(m.t, messages...) }

func (m *model) restart(between func()) {
	crash(m.t, m.q)
	between()
	m.q, _ = open(m.t, m.dir, m.limit)
	m.session++
	m.seq = 0
}

// tear cuts the newest segment, as a power cut does.
func (m *model) tear() {
	files := segmentsOf(m.t, m.dir)
	if len(files) == 0 {
		return
	}
	newest := files[len(files)-1]
	info, err := os.Stat(newest)
	require.NoError(m.t, err)
	require.NoError(m.t, os.Truncate(newest, m.rng.Int64N(info.Size()+1)))
	m.damage++
}

func (m *model) flip() {
	files := segmentsOf(m.t, m.dir)
	if len(files) == 0 {
		return
	}
	file := files[m.rng.IntN(len(files))]
	content, err := os.ReadFile(file)
	require.NoError(m.t, err)
	if len(content) == 0 {
		return
	}
	content[m.rng.IntN(len(content))] ^= 1 << m.rng.IntN(8)
	require.NoError(m.t, os.WriteFile(file, content, 0o600))
	m.damage++
}

// check: rows may come twice, since what was not answered is sent again; a number is never both in a row and in a loss range.
func (m *model) check(seed uint64) {
	for at := range m.got {
		require.True(m.t, m.put[at], "seed %d: %+v was never put in", seed, at)
	}
	missing, both := 0, 0
	for at := range m.put {
		s := m.got[at]
		switch {
		case s == nil:
			missing++
		case s.rows > 0 && s.lost > 0:
			both++
		}
	}
	if m.damage == 0 {
		require.Zero(m.t, missing, "seed %d", seed)
		require.Zero(m.t, both, "seed %d", seed)
	}
	require.LessOrEqual(m.t, missing, m.damage*100_000, "seed %d", seed)
}
