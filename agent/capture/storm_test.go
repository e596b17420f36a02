// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"net"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"

	"tcpledger/bpf"
	"tcpledger/internal/text"
	"tcpledger/schema"
)

// storm makes and drops connections from several threads at once. All sockets
// belong to the namespace of the caller's thread, where the workers join it.
func storm(t *testing.T, workers, each int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			closeQuietly(conn)
		}
	}()
	here, err := os.Open("/proc/thread-self/ns/net")
	require.NoError(t, err)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			runtime.LockOSThread() // and never unlock: the thread ends with its namespace
			if err := enter(here); err != nil {
				t.Error(err)
				return
			}
			for range each {
				conn, err := net.Dial("tcp", listener.Addr().String())
				if err != nil {
					continue // refused is an ending, too
				}
				closeQuietly(conn)
			}
		})
	}
	group.Wait()
	require.NoError(t, here.Close())
	require.NoError(t, listener.Close())
}

// TestStormIsCompleteOrCounted: with a ring far too small, each stream's seen and
// lost numbers are together exactly those that were taken, with both ways to take them.
func TestStormIsCompleteOrCounted(t *testing.T) {
	privileged(t)
	for name, atomic := range map[string]bool{"plain": false, "fetch-add": true} {
		t.Run(name, func(t *testing.T) {
			namespace(t)
			c := stormed(t, atomic)
			require.NoError(t, c.Detach())
			c.drain()
			checkNumbers(t, c)
		})
	}
}

// stormed returns a capture with a tiny ring after a storm nobody read.
func stormed(t *testing.T, atomic bool) *watch {
	t.Helper()
	c, err := New(with(func(c *Config) {
		c.RingBytes = text.Size(os.Getpagesize())
		c.Kinds[bpf.KindState], c.Kinds[bpf.KindSkbConsumed] = true, true
		c.Budgets[bpf.KindSkbConsumed], c.Budgets[bpf.KindDrop] = 0, 0
	}))
	require.NoError(t, err)
	if atomic && !c.features.FetchAdd {
		t.Skip("this kernel has no atomic fetch-and-add")
	}
	if !atomic && kernelSince(t, 7, 0) {
		t.Skip("this kernel preempts tracepoint programs: plain numbers may repeat, and it never gets them")
	}
	found := c.features
	found.FetchAdd = atomic
	skipped := c.skipped
	c.spec, err = prepare(c.config, &found)
	require.NoError(t, err)
	for program := range skipped {
		delete(c.spec.Programs, program)
	}
	require.NoError(t, c.Start())
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	require.Equal(t, atomic, fetchAdds(t, c.collection.Programs["on_state"]) > 0)
	storm(t, 8, 200)
	return watching(t, c)
}

// fetchAdds counts atomic fetch-and-adds in what the kernel runs.
func fetchAdds(t *testing.T, program *ebpf.Program) int {
	t.Helper()
	info, err := program.Info()
	require.NoError(t, err)
	instructions, err := info.Instructions()
	require.NoError(t, err)
	count := 0
	for _, ins := range instructions {
		if ins.OpCode == asm.FetchAdd.OpCode(asm.DWord) {
			count++
		}
	}
	return count
}

func checkNumbers(t *testing.T, c *watch) {
	t.Helper()
	next, err := c.NextSeqs()
	require.NoError(t, err)
	totals, err := c.Totals()
	require.NoError(t, err)
	seen := map[uint32]map[uint64]bool{}
	count := uint64(0)
	for _, head := range c.heads {
		if head.Kind == bpf.KindStack {
			continue
		}
		if seen[head.Stream] == nil {
			seen[head.Stream] = map[uint64]bool{}
		}
		require.False(t, seen[head.Stream][head.Seq], "number %d of stream %d twice", head.Seq, head.Stream)
		require.Less(t, head.Seq, next[head.Stream])
		require.Equal(t, head.CPU, head.Stream/bpf.Levels)
		seen[head.Stream][head.Seq] = true
		count++
	}
	numbered, lost := uint64(0), uint64(0)
	for _, n := range next {
		numbered += n
	}
	for _, kind := range schema.CaptureKinds() {
		lost += totals["lost_"+kind.String()]
	}
	require.NotZero(t, count)
	require.NotZero(t, lost, "a ring of one page must overflow")
	require.Equal(t, numbered, count+lost)
	if !kernelSince(t, 7, 0) { // a program that is preempted may share a scratch buffer with another
		require.Zero(t, totals["stack_busy"])
	}
}

// TestBudget: what a budget skips has no number, and stands in the totals and in weights.
func TestBudget(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, with(func(c *Config) { c.Kinds[bpf.KindState], c.Budgets[bpf.KindState] = true, 1 }))
	storm(t, 1, 50)
	require.NoError(t, c.Detach())
	c.drain()
	totals, err := c.Totals()
	require.NoError(t, err)
	kept, weight := uint64(0), uint64(0)
	for _, head := range c.heads {
		if head.Kind == bpf.KindState {
			kept++
			weight += uint64(head.Weight)
		}
	}
	require.NotZero(t, kept)
	require.NotZero(t, totals["over_budget_state"])
	require.LessOrEqual(t, weight, kept+totals["over_budget_state"])
	next, err := c.NextSeqs()
	require.NoError(t, err)
	numbered := uint64(0)
	for _, n := range next {
		numbered += n
	}
	require.EqualValues(t, len(c.heads)-len(c.stacks), numbered, "nothing was lost, nothing skipped has a number")
}
