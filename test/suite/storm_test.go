// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// mostMemory bounds the agent's resident memory under any load.
const mostMemory = 200 << 20

// loopback is where storms blow: no wire to wait for.
var loopback = netip.MustParseAddr("127.0.0.1")

// TestStorm: 200,000 endings through the smallest ring there is. Every number that the kernel side took is a row or lies in
// a loss range, exactly; so does every ending that happened, as a second agent with room for everything witnesses.
func TestStorm(t *testing.T) {
	connections := 100_000
	if inGuest() || testing.Short() {
		connections = 5_000
	}
	world := lab.New(t)
	here := placeOf(t, world.A)
	witness := watching(t, "--ring-bytes", roomy(), "--queue-bytes", "1GiB", "--stacks-per-second", "1",
		"--disable", "reset_sent,reset_received,drop,retransmit,retransmit_synack,error", "--host-id", "witness")
	w := watching(t, "--ring-bytes", strconv.Itoa(os.Getpagesize()))
	start := time.Now()
	blow(t, world.A, connections, func(a *lab.Actor, n int) { a.StartStorm(loopback, n) })
	took := time.Since(start)
	peak := w.memory()
	w.stop()
	witness.stop()

	t.Logf("totals of the witness: %v", totals(witness.last()))
	require.Zero(t, len(witness.losses), "the witness has room for everything")
	witnessed := len(witness.rows(here))
	require.LessOrEqual(t, witnessed, 2*connections, "two endings a connection")
	require.GreaterOrEqual(t, witnessed+witness.unseen(), 2*connections, "two endings a connection")
	lost := w.account()
	seen := len(w.rows(here))
	t.Logf("%d endings in %s: %d seen, %d numbers lost, the agent's memory peaked at %d MiB", 2*connections, took.Round(time.Millisecond), seen, lost, peak>>20)
	require.Positive(t, seen)
	require.Positive(t, lost, "a ring of one page must overflow")
	require.Less(t, peak, uint64(mostMemory))

	// Ours that were not seen were lost. The kernel's count of lost connection records is the machine's: it exceeds ours by
	// what was lost of others at most, who are those that the witness saw (it looked longer) and this agent did not.
	missing := 2*connections - seen
	others := len(witness.connections) - witnessed - (len(w.connections) - seen) + witness.unseen()
	require.GreaterOrEqual(t, int(w.total("lost_connection"))+w.unseen(), missing)
	require.LessOrEqual(t, int(w.total("lost_connection")), missing+others)
}

// TestStormWithinBudget: what a budget skips has no number. Kept and skipped together are what happened, as the kernel
// counted it, and the weights of what was kept say what was skipped before it.
func TestStormWithinBudget(t *testing.T) {
	refusals := 40_000
	if inGuest() || testing.Short() {
		refusals = 4_000
	}
	world := lab.New(t)
	here := placeOf(t, world.A)
	witness := watching(t, "--budget", "reset_sent=0", "--queue-bytes", "1GiB", "--ring-bytes", roomy(),
		"--stacks-per-second", "1", "--disable", "reset_received,drop,retransmit,retransmit_synack,error", "--host-id", "witness")
	const budget = 100
	w := watching(t, "--budget", "reset_sent="+strconv.Itoa(budget))
	nowhere := netip.AddrPortFrom(loopback, 9)
	blow(t, world.A, refusals, func(a *lab.Actor, n int) { a.StartRefusals(nowhere, n) })
	flushBudgets(t, w, world.A, nowhere)
	peak := w.memory()
	w.stop()
	witness.stop()
	require.Empty(t, witness.losses)

	happened := int(world.A.Counters(t)["TcpOutRsts"])
	if len(witness.happened(schema.KindResetSent, here)) == 0 {
		t.Skip("this kernel shows no resets without a socket")
	}
	// Without a socket a reset leaves no trace in the state map: the kernel counts what it kept from the program.
	witnessed, unseen := len(witness.happened(schema.KindResetSent, here)), int(witness.total("recursion_misses_on_reset_sent"))
	require.LessOrEqual(t, witnessed, happened)
	require.GreaterOrEqual(t, witnessed+unseen, happened)
	require.Zero(t, w.account(), "a budget loses nothing, it takes no numbers")
	ours, all := w.happened(schema.KindResetSent, here), everywhere(w, schema.KindResetSent)
	skipped, weights := int(w.total("over_budget_reset_sent")), 0
	for _, e := range all {
		weights += int(e.Weight)
	}
	t.Logf("%d resets: %d kept, %d over budget; weights say %d of %d; memory %d MiB", happened, len(ours), skipped, weights, len(all)+skipped, peak>>20)
	others := len(everywhere(witness, schema.KindResetSent)) - witnessed - (len(all) - len(ours)) + unseen
	require.GreaterOrEqual(t, skipped+int(w.total("recursion_misses_on_reset_sent")), happened-len(ours))
	require.LessOrEqual(t, skipped, happened-len(ours)+others)
	require.Positive(t, skipped, "the budget bites")
	require.LessOrEqual(t, mostOnOneCPU(ours), int(budget*(1+span(ours).Seconds()))+1, "a bucket of one second")
	require.LessOrEqual(t, weights, len(all)+skipped, "weights never say more than happened")
	require.Greater(t, weights, (len(all)+skipped)*99/100, "only what was skipped after the last kept is in no weight")
	require.Less(t, peak, uint64(mostMemory))
	require.InDelta(t, len(witness.rows(here)), len(w.rows(here)), float64(w.unseen()+witness.unseen()), "connection records have no budget")
}

// unseen bounds what the kernel kept from this agent: it skips a program that it finds begun on its CPU, and the next one
// that makes up for it. 0 wherever tracepoints are not preempted.
func (w *watch) unseen() int { return int(w.total("recursion_misses_on_state_missed")) }

// blow divides n over several actors that storm at a time.
func blow(t *testing.T, h *lab.Host, n int, begin func(*lab.Actor, int)) {
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

// flushBudgets makes one more reset on each CPU whenever its budget is full again, until every CPU kept one: it carries
// what was skipped before.
func flushBudgets(t *testing.T, w *watch, h *lab.Host, nowhere netip.AddrPort) {
	t.Helper()
	here, a := placeOf(t, h), h.Actor(t, "flush")
	for cpu := range runtime.NumCPU() {
		a.Pin(t, cpu)
		require.Eventually(t, func() bool {
			w.more(t)
			before := uint64(0)
			for _, e := range w.happened(schema.KindResetSent, here) {
				before = max(before, e.At)
			}
			a.StartRefusals(nowhere, 1)
			a.FinishStorm()
			return slices.ContainsFunc(w.waitEvents(schema.KindResetSent, here, before), func(e *schema.Event) bool { return int(e.Stream/4) == cpu })
		}, 30*time.Second, 10*time.Millisecond)
	}
}

// waitEvents reads what came after a moment.
func (w *watch) waitEvents(kind schema.Kind, where place, after uint64) []*schema.Event {
	for range 5 {
		w.more(w.t)
	}
	return slices.DeleteFunc(w.happened(kind, where), func(e *schema.Event) bool { return e.At <= after })
}

func everywhere(w *watch, kind schema.Kind) []*schema.Event {
	var out []*schema.Event
	for i := range w.events {
		if w.events[i].Kind == kind {
			out = append(out, &w.events[i])
		}
	}
	return out
}

// account proves the promise: of the numbers that the end checkpoint promises each is in one row or in one loss range,
// none twice; and the ranges hold as many as the kernel counted that found no room. It gives how many were lost.
func (w *watch) account() int {
	t := w.t
	t.Helper()
	held := map[uint32]map[uint64]bool{}
	hold := func(stream uint32, seq uint64) {
		if held[stream] == nil {
			held[stream] = map[uint64]bool{}
		}
		require.False(t, held[stream][seq], "number %d of stream %d twice", seq, stream)
		held[stream][seq] = true
	}
	for i := range w.connections {
		hold(w.connections[i].Stream, w.connections[i].Seq)
	}
	for i := range w.events {
		hold(w.events[i].Stream, w.events[i].Seq)
	}
	lost := 0
	for _, l := range w.losses {
		require.Equal(t, schema.LossRingFull, l.Cause)
		for seq := l.SeqFrom; seq <= l.SeqTo; seq++ {
			hold(l.Stream, seq)
			lost++
		}
	}
	end := w.last()
	for i, stream := range end.Streams {
		require.Equal(t, int(end.Next[i]), len(held[stream]), "stream %d", stream)
		for seq := range end.Next[i] {
			require.True(t, held[stream][seq], "number %d of stream %d is nowhere", seq, stream)
		}
		delete(held, stream)
	}
	require.Empty(t, held, "numbers of streams that the checkpoint does not know")
	counted := uint64(0)
	for _, k := range schema.CaptureKinds() {
		counted += w.total("lost_" + k.String())
	}
	require.Equal(t, counted, uint64(lost), "lost by the kernel's count, lost by the ranges")
	return lost
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// memory is the most that the agent, which must be alive, ever held in memory, in bytes.
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

// roomy is a ring that holds a whole storm, should the agent never get a CPU.
func roomy() string {
	if inGuest() {
		return "16MiB"
	}
	return "256MiB"
}

// mostOnOneCPU is how many of these events the busiest CPU made: budgets are a CPU's.
func mostOnOneCPU(events []*schema.Event) int {
	most, per := 0, map[uint32]int{}
	for _, e := range events {
		cpu := e.Stream / 4
		per[cpu]++
		most = max(most, per[cpu])
	}
	return most
}

// span is the kernel's time from the first of these events to the last.
func span(events []*schema.Event) time.Duration {
	first, last := events[0].At, events[0].At
	for _, e := range events {
		first, last = min(first, e.At), max(last, e.At)
	}
	return time.Duration(last - first)
}
