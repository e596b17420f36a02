// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/bpf"
)

// symbols finds function names in /proc/kallsyms.
type symbols struct {
	addresses []uint64
	names     []string
}

func readSymbols(t *testing.T) symbols {
	t.Helper()
	file, err := os.Open("/proc/kallsyms")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	type symbol struct {
		address uint64
		name    string
	}
	var all []symbol
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var s symbol
		var kind string
		_, err := fmt.Sscanf(lines.Text(), "%x %s %s", &s.address, &kind, &s.name)
		require.NoError(t, err)
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b symbol) int {
		switch {
		case a.address < b.address:
			return -1
		case a.address > b.address:
			return 1
		}
		return 0
	})
	var found symbols
	for _, s := range all {
		found.addresses = append(found.addresses, s.address)
		found.names = append(found.names, s.name)
	}
	return found
}

func (s symbols) of(frames []uint64) []string {
	var names []string
	for _, frame := range frames {
		i, exact := slices.BinarySearch(s.addresses, frame)
		if !exact {
			i--
		}
		if i >= 0 {
			names = append(names, s.names[i])
		}
	}
	return names
}

// TestStacks: an ending's stack is the one that closed, and is handed out whole.
func TestStacks(t *testing.T) {
	privileged(t)
	namespace(t)
	names := readSymbols(t)
	c := started(t, DefaultConfig())
	p := connect(t, "127.0.0.1")
	require.NoError(t, p.client.SetLinger(0))
	require.NoError(t, p.client.Close())
	end := c.connection(p.from, p.to)
	require.NotZero(t, end.Stack)

	frames, err := c.Stack(end.Stack)
	require.NoError(t, err)
	require.Contains(t, names.of(frames), "tcp_disconnect", "what linger 0 closes with")
	require.Contains(t, names.of(frames), "inet_release")

	swept := map[uint64][]uint64{}
	for stack, err := range c.SweepStacks() {
		require.NoError(t, err)
		swept[stack.Hash] = slices.Clone(stack.Frames)
	}
	require.Equal(t, frames, swept[end.Stack])
	_, err = c.Stack(end.Stack)
	require.ErrorIs(t, err, ErrNoStack, "the sweep empties the map")
	_, err = c.Stack(1)
	require.ErrorIs(t, err, ErrNoStack)
}

// TestMismatchedStack: frames under the wrong hash are never given, and the sweep goes on after them.
func TestMismatchedStack(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, DefaultConfig())
	var frames bpf.Frames
	frames[0] = 0xffffffff81000000
	require.NoError(t, c.collection.Maps["stacks"].Put(uint64(7), frames))
	require.NoError(t, c.collection.Maps["stacks"].Put(frames.Hash(), frames))
	_, err := c.Stack(7)
	require.ErrorIs(t, err, ErrStackMismatch)
	found := map[uint64]error{}
	for stack, err := range c.SweepStacks() {
		found[stack.Hash] = err
		require.Equal(t, err == nil, stack.Frames != nil)
	}
	require.ErrorIs(t, found[7], ErrStackMismatch)
	require.Contains(t, found, frames.Hash())
	require.NoError(t, found[frames.Hash()])
}

// TestSweepBeforeStart gives the error once.
func TestSweepBeforeStart(t *testing.T) {
	for _, err := range (&Capture{}).SweepStacks() {
		require.ErrorIs(t, err, ErrNotStarted)
	}
	_, err := (&Capture{}).Stack(1)
	require.ErrorIs(t, err, ErrNotStarted)
}

// TestFullStackMap: stacks that find no place travel inline, and are counted.
func TestFullStackMap(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, with(func(c *Config) { c.StackEntries = 1 }))
	for range 3 {
		p := connect(t, "127.0.0.1")
		require.NoError(t, p.client.SetLinger(0))
		require.NoError(t, p.client.Close())
		c.connection(p.from, p.to)
		c.connection(p.to, p.from)
	}
	c.drain()
	totals, err := c.Totals()
	require.NoError(t, err)
	require.NotEmpty(t, c.stacks)
	require.GreaterOrEqual(t, totals["stack_map_full"], uint64(len(c.stacks)))
	inline := map[uint64]bool{}
	for _, stack := range c.stacks {
		frames := bpf.Frames(stack.Frames)
		require.Equal(t, stack.Hash, frames.Hash())
		require.EqualValues(t, frames.Depth(), stack.Depth)
		inline[stack.Hash] = true
	}
	for _, end := range c.connections {
		_, err := c.Stack(end.Stack)
		require.True(t, end.Stack == 0 || err == nil || inline[end.Stack], "stack %x is nowhere: %v", end.Stack, err)
	}
}

// TestNoStackBudget: without a budget left the rest of the record still comes.
func TestStackBudget(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, with(func(c *Config) { c.StacksPerSecond = 1 }))
	var last [2]netip.AddrPort
	for range 20 {
		p := connect(t, "127.0.0.1")
		require.NoError(t, p.client.SetLinger(0))
		require.NoError(t, p.client.Close())
		last = [2]netip.AddrPort{p.from, p.to}
	}
	c.connection(last[0], last[1])
	c.connection(last[1], last[0])
	totals, err := c.Totals()
	require.NoError(t, err)
	require.NotZero(t, totals["stacks_over_budget"])
	without := slices.ContainsFunc(c.connections, func(end bpf.Connection) bool { return end.Stack == 0 })
	require.True(t, without)
}
