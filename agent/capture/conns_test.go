// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/bpf"
)

const closeWait = 8

// scanned gives the connections of the test's namespace by number, each of which must come once.
func scanned(t *testing.T, w *watch, scan *ConnScan) map[uint64]bpf.ConnState {
	t.Helper()
	found := map[uint64]bpf.ConnState{}
	for more := true; more; {
		states, next, err := scan.Next()
		require.NoError(t, err)
		for i := range states {
			if c := &states[i]; c.Tuple.NetNS == w.netns {
				require.NotContains(t, found, c.Tuple.Conn)
				found[c.Tuple.Conn] = *c
			}
		}
		more = next
	}
	return found
}

// TestScanConns: a socket past ESTABLISHED has its tuple, its owner and the time of its state; in the next scan too, and also if
// a bucket holds more than a step does.
func TestScanConns(t *testing.T) {
	privileged(t)
	namespace(t)
	old := connect(t, "::1")
	require.NoError(t, old.client.CloseWrite())
	c := started(t, with(func(c *Config) { c.StateEntries = 8192 })) // all of the machine's, and those of tests at the same time
	crowd(t, c, 3000)
	const n = 100
	var pairs []pair
	for range n {
		p := connect(t, "127.0.0.1")
		say(t, p.client, p.server, "question")
		require.NoError(t, p.client.Close())
		c.connection(p.from, p.to)
		pairs = append(pairs, p)
	}
	scan := c.ScanConns()
	scan.keys, scan.values = scan.keys[:1], scan.values[:1]
	for range 2 {
		found := scanned(t, c, scan)
		require.Len(t, found, n+2, "neither ESTABLISHED connections nor those that ended")
		for _, p := range pairs {
			state := theOne(t, found, p)
			require.EqualValues(t, closeWait, state.State)
			require.Zero(t, state.Flags&bpf.StateOwn)
			require.NotZero(t, state.StateAt)
			ownedByUs(t, state.Owner, bpf.OwnerRead)
		}
		met := theOne(t, found, old)
		require.EqualValues(t, closeWait, met.State)
		ownedByUs(t, met.Owner, bpf.OwnerSeed)
	}
	require.Greater(t, len(scan.keys), 1, "it grew with the fullest bucket")
}

// crowd adds states of no namespace, so that buckets are shared.
func crowd(t testing.TB, c *watch, n int) {
	t.Helper()
	keys, values := make([]uint64, n), make([]bpf.ConnState, n)
	for i := range keys {
		keys[i] = uint64(i+1) << 6
	}
	_, err := c.collection.Maps["conns"].BatchUpdate(keys, values, nil)
	require.NoError(t, err)
}

// theOne is the server's side of a pair.
func theOne(t *testing.T, found map[uint64]bpf.ConnState, p pair) bpf.ConnState {
	t.Helper()
	for _, state := range found {
		if matches(&state.Tuple, p.to, p.from) {
			return state
		}
	}
	t.Fatalf("%s is not in the scan", p.to)
	return bpf.ConnState{}
}

// TestScanWithoutLingering: without the kind lingering the kernel side keeps nothing for scans.
func TestScanWithoutLingering(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, with(func(c *Config) { c.Kinds[bpf.KindLingering] = false }))
	p := connect(t, "127.0.0.1")
	require.NoError(t, p.client.CloseWrite())
	require.Empty(t, scanned(t, c, c.ScanConns()))
}

func TestScanBeforeStart(t *testing.T) {
	_, _, err := (&Capture{}).ScanConns().Next()
	require.ErrorIs(t, err, ErrNotStarted)
}

// BenchmarkScanConns scans a state map for a million connections, empty and full.
func BenchmarkScanConns(b *testing.B) {
	privileged(b)
	const most = 1 << 20
	c := started(b, with(func(c *Config) { c.StateEntries = most }))
	scan := c.ScanConns()
	run := func(b *testing.B) {
		for b.Loop() {
			for more := true; more; {
				var err error
				_, more, err = scan.Next()
				require.NoError(b, err)
			}
		}
	}
	b.Run("empty", run)
	crowd(b, c, most*9/10)
	b.Run("full", run)
}
