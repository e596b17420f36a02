// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/bpf"
	"tcpledger/schema"
	"tcpledger/test/lab"
)

const session = uint64(0xabc)

// opened takes the folder until the test ends.
func opened(t *testing.T, dir string) *Pins {
	t.Helper()
	p, err := OpenPins(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// left runs a capture that pins itself, and lets it go.
func left(t *testing.T, p *Pins, config Config, while func(w *watch)) {
	t.Helper()
	c, err := New(config)
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	require.NoError(t, c.Pin(p, session))
	if while != nil {
		while(watching(t, c))
	}
	require.NoError(t, c.Close())
}

func only(t *testing.T, p *Pins) PinnedSession {
	t.Helper()
	sessions, err := p.Sessions()
	require.NoError(t, err)
	require.Len(t, sessions, 1)
	return sessions[0]
}

// resumed goes on with the only session until the test ends.
func resumed(t *testing.T, p *Pins, config Config) *watch {
	t.Helper()
	c, err := New(config)
	require.NoError(t, err)
	s := only(t, p)
	require.Equal(t, session, s.Session)
	require.True(t, c.Fits(s))
	require.NoError(t, c.Resume(s))
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return watching(t, c)
}

// withoutRepeats checks that each stream's numbers rise by one from record to record.
func withoutRepeats(t *testing.T, heads []bpf.Head) {
	t.Helper()
	seen := map[[2]uint64]int{}
	for _, h := range heads {
		if h.Kind != bpf.KindStack {
			seen[[2]uint64{uint64(h.Stream), h.Seq}]++
		}
	}
	for number, times := range seen {
		require.Equal(t, 1, times, "%v", number)
	}
}

// The hooks go on between two lives of the agent: what happened then is in the ring, with the session's next numbers.
func TestTakeover(t *testing.T) {
	privileged(t)
	namespace(t)
	p := opened(t, lab.Pins(t))
	var before []bpf.Head
	across := pair{}
	left(t, p, DefaultConfig(), func(w *watch) {
		first := connect(t, "127.0.0.1")
		across = connect(t, "127.0.0.1")
		closeQuietly(first.client, first.server)
		w.connection(first.from, first.to)
		before = w.heads
	})
	between := connect(t, "127.0.0.1")
	closeQuietly(between.client, between.server)
	require.NoError(t, across.client.Close())

	w := resumed(t, p, DefaultConfig())
	require.NoError(t, w.Err())
	w.connection(between.from, between.to)
	require.NoError(t, across.server.Close())
	end := w.connection(across.to, across.from)
	require.False(t, end.Evidence.Has(bpf.FlagBeganBefore), "the state map is the same")
	withoutRepeats(t, append(before, w.heads...))
	status, err := w.Status()
	require.NoError(t, err)
	require.Empty(t, status.Missing())
	_, err = w.Stack(1)
	require.ErrorIs(t, err, ErrNoStack)

	require.NoError(t, w.Detach())
	require.NoError(t, w.Close())
	sessions, err := p.Sessions()
	require.NoError(t, err)
	require.Empty(t, sessions, "an end removes the pins")
}

// While nobody reads, the ring fills; the kernel side counts what finds no room and leaves gaps in the numbers.
func TestFullRingBetweenTwoRuns(t *testing.T) {
	privileged(t)
	namespace(t)
	p := opened(t, lab.Pins(t))
	config := with(func(c *Config) { c.RingBytes = ringBytesMin() })
	left(t, p, config, nil)
	for range 30 {
		c := connect(t, "127.0.0.1")
		closeQuietly(c.client, c.server)
	}
	w := resumed(t, p, config)
	w.drain()
	totals, err := w.Totals()
	require.NoError(t, err)
	require.Positive(t, totals["lost_"+schema.KindConnection.String()])
	next, err := w.NextSeqs()
	require.NoError(t, err)
	numbered := uint64(0)
	for _, n := range next {
		numbered += n
	}
	require.Greater(t, numbered, uint64(len(w.heads)))
	require.NoError(t, w.Detach())
}

// A session with another kernel side is read to its end and is gone then.
func TestOldSession(t *testing.T) {
	privileged(t)
	namespace(t)
	p := opened(t, lab.Pins(t))
	left(t, p, with(func(c *Config) { c.StateEntries = 1000 }), nil)
	between := connect(t, "127.0.0.1")
	closeQuietly(between.client, between.server)

	c, err := New(DefaultConfig())
	require.NoError(t, err)
	s := only(t, p)
	require.False(t, c.Fits(s))
	require.True(t, c.Readable(s))
	old, err := c.Old(s)
	require.NoError(t, err)
	require.NoError(t, old.Detach())
	s = only(t, p)
	require.False(t, s.Whole, "a run that dies now leaves a session that the next one ends")
	w := watching(t, old)
	w.connection(between.from, between.to)
	require.NoError(t, old.Close())
	sessions, err := p.Sessions()
	require.NoError(t, err)
	require.Empty(t, sessions)
	require.NoError(t, c.Start(), "the same capture then begins the next session")
	require.NoError(t, c.Close())
}

// A run that died while it pinned leaves a folder that is removed.
func TestHalfMadePins(t *testing.T) {
	privileged(t)
	p := opened(t, lab.Pins(t))
	left(t, p, DefaultConfig(), nil)
	s := only(t, p)
	require.NoError(t, os.Rename(s.dir, p.path(making, s.layout, session)))
	sessions, err := p.Sessions()
	require.NoError(t, err)
	require.Empty(t, sessions)
	entries, err := os.ReadDir(p.dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// Pins of which something is missing are no session to go on with.
func TestIncompletePins(t *testing.T) {
	privileged(t)
	p := opened(t, lab.Pins(t))
	left(t, p, DefaultConfig(), nil)
	s := only(t, p)
	require.NoError(t, os.Remove(filepath.Join(s.dir, mapPin+"ring")))
	c, err := New(DefaultConfig())
	require.NoError(t, err)
	require.ErrorIs(t, c.Resume(s), ErrIncomplete)
	require.NoError(t, p.Remove(s))
}

func TestOneAgentHoldsThePins(t *testing.T) {
	privileged(t)
	dir := lab.Pins(t)
	p, err := OpenPins(dir)
	require.NoError(t, err)
	_, err = OpenPins(dir)
	require.ErrorIs(t, err, ErrPinsHeld)
	_, err = Uninstall(dir)
	require.ErrorIs(t, err, ErrPinsHeld)
	require.NoError(t, p.Close())
	opened(t, dir)
}

func TestPinsThatAreRefused(t *testing.T) {
	privileged(t)
	_, err := OpenPins(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, ErrNoPins)
	_, err = OpenPins(t.TempDir())
	require.ErrorIs(t, err, ErrNoPins, "no bpffs")
	dir := lab.Pins(t)
	require.NoError(t, os.Chmod(dir, 0o777))
	_, err = OpenPins(dir)
	require.ErrorIs(t, err, ErrForeignPins)
	require.NoError(t, os.Chmod(dir, 0o700))
	require.NoError(t, os.Chown(dir, 4711, 4711))
	_, err = OpenPins(dir)
	require.ErrorIs(t, err, ErrForeignPins)
	require.NoError(t, os.Chown(dir, 0, 0))

	p := opened(t, dir)
	left(t, p, DefaultConfig(), nil)
	s := only(t, p)
	ring := filepath.Join(s.dir, mapPin+"ring")
	require.NoError(t, os.Chown(ring, 4711, 4711))
	c, err := New(DefaultConfig())
	require.NoError(t, err)
	require.ErrorIs(t, c.Resume(s), ErrForeignPins)
	require.NoError(t, os.Chown(s.dir, 4711, 4711))
	_, err = p.Sessions()
	require.ErrorIs(t, err, ErrForeignPins)
	require.NoError(t, p.Remove(s))
}

func TestUninstall(t *testing.T) {
	privileged(t)
	dir := lab.Pins(t)
	p, err := OpenPins(dir)
	require.NoError(t, err)
	left(t, p, DefaultConfig(), nil)
	require.NoError(t, p.Close())
	require.NoError(t, os.Mkdir(filepath.Join(dir, "another"), 0o700))
	n, err := Uninstall(dir)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "what is not ours stays")
	n, err = Uninstall(filepath.Join(dir, "none"))
	require.NoError(t, err)
	require.Zero(t, n)
}
