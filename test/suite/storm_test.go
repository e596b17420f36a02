// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// maxMemory bounds the agent's resident memory under any load.
const maxMemory = 200 << 20

// loopback is the address of storms: it has no wire to wait for.
var loopback = netip.MustParseAddr("127.0.0.1")

// TestStorm: 200,000 endings overflow the smallest ring. Every number of the kernel side is in one row or in one loss range,
// and so is every ending, by the rows of a second agent whose ring has room for all.
func TestStorm(t *testing.T) {
	connections := 100_000
	if inGuest() || testing.Short() {
		connections = 5_000
	}
	world := lab.New(t)
	here := namespaceOf(t, world.A)
	witness := watching(t, "--stacks-per-second", "1",
		"--disable", "reset_sent,reset_received,drop,retransmit,retransmit_synack,error", "--host-id", "witness")
	w := watching(t, "--ring-bytes", strconv.Itoa(os.Getpagesize()), "--queue-bytes", "64MiB")
	start := time.Now()
	stormFrom(t, world.A, connections, func(a *lab.Actor, n int) { a.StartStorm(loopback, n) })
	took := time.Since(start)
	peak := w.memory()
	w.stop()
	witness.stop()

	t.Logf("totals of the witness: %v", totals(witness.last()))
	require.Zero(t, witness.lost, "the witness has room for everything")
	witnessed := len(witness.rows(here))
	require.LessOrEqual(t, witnessed, 2*connections, "two endings a connection")
	require.GreaterOrEqual(t, witnessed+witness.unseen(), 2*connections, "two endings a connection")
	seen := len(w.rows(here))
	t.Logf("%d endings in %s: %d seen, %d numbers lost, the agent's memory peaked at %d MiB", 2*connections, took.Round(time.Millisecond), seen, w.lost, peak>>20)
	require.Positive(t, seen)
	require.Positive(t, w.lost, "a ring of one page must overflow")
	require.Less(t, peak, uint64(maxMemory))

	// Endings of the test without a row were lost. The kernel counts the lost records of the whole machine: those of others are
	// at most the ones that the witness saw and this agent did not. The witness ran longer.
	missing := 2*connections - seen
	others := witness.others(schema.KindConnection, witnessed) - w.others(schema.KindConnection, seen) + witness.unseen()
	require.GreaterOrEqual(t, int(w.total("lost_connection"))+w.unseen(), missing)
	require.LessOrEqual(t, int(w.total("lost_connection")), missing+others)
}

// TestStormWithinBudget: a record that a budget skips has no number. Kept and skipped records together are as many as the kernel
// counted. The weights of the kept ones count the skipped ones before them.
func TestStormWithinBudget(t *testing.T) {
	refusals := 40_000
	if inGuest() || testing.Short() {
		refusals = 4_000
	}
	world := lab.New(t)
	here := namespaceOf(t, world.A)
	witness := watching(t, "--budget", "reset_sent=0", "--stacks-per-second", "1",
		"--disable", "reset_received,drop,retransmit,retransmit_synack,error", "--host-id", "witness")
	const budget = 100
	w := watching(t, "--budget", "reset_sent="+strconv.Itoa(budget), "--ring-bytes", "16MiB", "--queue-bytes", "64MiB")
	nowhere := netip.AddrPortFrom(loopback, 9)
	stormFrom(t, world.A, refusals, func(a *lab.Actor, n int) { a.StartRefusals(nowhere, n) })
	flushBudgets(t, w, world.A, nowhere)
	peak := w.memory()
	w.stop()
	witness.stop()
	require.Zero(t, witness.lost, "the witness has room for everything")

	happened := int(world.A.Counters(t)["TcpOutRsts"])
	if len(witness.happened(schema.KindResetSent, here)) == 0 {
		t.Skip("this kernel shows no resets without a socket")
	}
	// A reset without a socket leaves no trace in the state map. The kernel counts the ones for which it skipped the program.
	witnessed, unseen := len(witness.happened(schema.KindResetSent, here)), int(witness.total("recursion_misses_on_reset_sent"))
	require.LessOrEqual(t, witnessed, happened)
	require.GreaterOrEqual(t, witnessed+unseen, happened)
	ours, all := w.happened(schema.KindResetSent, here), w.everybody[schema.KindResetSent]
	require.NotNil(t, all)
	skipped, kept, weights := int(w.total("over_budget_reset_sent")), int(all.records), int(all.weight)
	t.Logf("%d resets: %d kept, %d over budget; weights say %d of %d; memory %d MiB", happened, len(ours), skipped, weights, kept+skipped, peak>>20)
	others := witness.others(schema.KindResetSent, witnessed) - w.others(schema.KindResetSent, len(ours)) + unseen
	hidden := int(w.total("recursion_misses_on_reset_sent") + w.total("lost_reset_sent"))
	require.GreaterOrEqual(t, skipped+hidden, happened-len(ours))
	require.LessOrEqual(t, skipped, happened-len(ours)+others)
	require.Positive(t, skipped, "the budget bites")
	require.LessOrEqual(t, busiestCPU(ours), int(budget*(1+span(ours).Seconds()))+1, "a bucket of one second")
	require.LessOrEqual(t, weights, kept+skipped, "weights never say more than happened")
	require.Greater(t, weights, (happened-hidden)*99/100, "each of ours is kept or in the weight of one kept later")
	require.Less(t, peak, uint64(maxMemory))
	require.InDelta(t, len(witness.rows(here)), len(w.rows(here)), float64(w.unseen()+witness.unseen()+int(w.total("lost_connection"))), "connection records have no budget")
}

// unseen bounds how many endings the agent did not see. The kernel skips a program that is already running on this CPU; it may
// skip the second program, which makes up for that, too. It is 0 on a kernel that does not preempt tracepoints.
func (w *watch) unseen() int { return int(w.total("recursion_misses_on_state_missed")) }

// others is the number of records of a kind that are not among the test's own.
func (w *watch) others(kind schema.Kind, ours int) int {
	if w.everybody[kind] == nil {
		return 0
	}
	return int(w.everybody[kind].records) - ours
}

// stormFrom divides n over several actors that storm at a time.
func stormFrom(t *testing.T, h *lab.Host, n int, begin func(*lab.Actor, int)) {
	t.Helper()
	const workers = 4
	var actors []*lab.Actor
	for i := range workers {
		actors = append(actors, h.Actor(t, "storm"+strconv.Itoa(i)))
		begin(actors[i], n/workers)
	}
	for _, a := range actors {
		a.FinishStorm()
	}
}

// flushBudgets makes resets on each CPU until the agent has kept one. Its weight counts those that the budget skipped.
func flushBudgets(t *testing.T, w *watch, h *lab.Host, nowhere netip.AddrPort) {
	t.Helper()
	a, stormed := h.Actor(t, "flush"), boottime(t)
	for cpu := range runtime.NumCPU() {
		a.Pin(t, cpu)
		require.True(t, w.reach(t, func() bool {
			a.StartRefusals(nowhere, 1)
			a.FinishStorm()
			resets := w.everybody[schema.KindResetSent]
			return resets != nil && resets.last[cpu] > stormed
		}), "CPU %d kept no reset", cpu)
	}
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// memory is the peak of the running agent's resident memory, in bytes.
func (w *watch) memory() uint64 {
	w.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.cmd.Process.Pid))
	require.NoError(w.t, err)
	m := highWater.FindSubmatch(text)
	require.NotNil(w.t, m, "the agent died")
	kib, err := strconv.ParseUint(string(m[1]), 10, 64)
	require.NoError(w.t, err)
	return kib << 10
}

// busiestCPU is the number of these events on the CPU with the most. A budget is per CPU.
func busiestCPU(events []*schema.Event) int {
	busiest, per := 0, map[uint32]int{}
	for _, e := range events {
		cpu := e.Stream / 4
		per[cpu]++
		busiest = max(busiest, per[cpu])
	}
	return busiest
}

// span is the time from the first of these events to the last.
func span(events []*schema.Event) time.Duration {
	first, last := events[0].At, events[0].At
	for _, e := range events {
		first, last = min(first, e.At), max(last, e.At)
	}
	return time.Duration(last - first)
}
