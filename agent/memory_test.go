// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/agent/capture"
)

// TestTheTableOfMemoryIsTheBound: the parts that docs/agent.md lists are those of the bound that the agent states, and the sum is it.
func TestTheTableOfMemoryIsTheBound(t *testing.T) {
	page, err := os.ReadFile("../docs/agent.md")
	require.NoError(t, err)
	o := parsed(t, "--spool", t.TempDir())
	m := o.memory()
	withoutStates, withoutStacks := o.capture, o.capture
	withoutStates.StateEntries, withoutStacks.StackEntries = 1, 1
	withoutEndings := *o
	withoutEndings.limits.MaxSettling = 0
	kernel := func(c capture.Config) uint64 { return c.KernelBytes() }
	states, stacks := m.Outside-kernel(withoutStates), m.Outside-kernel(withoutStacks)
	queue := uint64(o.queue.QueueBytes) * (perMessage + 1) / perMessage
	endings := m.Heap - withoutEndings.memory().Heap
	want := map[string]uint64{
		"connections that are open, in the kernel": states,
		"ring buffer":           uint64(o.capture.RingBytes),
		"stacks, in the kernel": stacks,
		"names of executables and control groups, and the rest, in the kernel": m.Outside - states - stacks - uint64(o.capture.RingBytes),
		"queue to Kafka":                                               queue,
		"the spool, on its way to Kafka":                               spooling,
		"endings that wait for their reset":                            endings,
		"stack ids, lists of a fixed length, kernel symbols, requests": m.Heap - queue - spooling - endings,
		"garbage, and the Go runtime":                                  m.Bound() - m.Outside - m.Heap,
		"all of it, which is the bound":                                m.Bound(),
	}
	rows := regexp.MustCompile(`(?m)^\| ([^|]+?) \| ([0-9]+) MiB`).FindAllSubmatch(page, -1)
	require.Len(t, rows, len(want))
	for _, row := range rows {
		said, err := strconv.Atoi(string(row[2]))
		require.NoError(t, err)
		bytes, ok := want[string(row[1])]
		require.True(t, ok, "%s", row[1])
		require.Equal(t, int(math.Round(float64(bytes)/(1<<20))), said, "%s", row[1])
	}
}

// TestTheBoundFitsTheShippedLimit: the bound leaves a tenth of the shipped control group's limit to the kernel, as program.Memory asks.
func TestTheBoundFitsTheShippedLimit(t *testing.T) {
	unit, err := os.ReadFile("../deploy/tcpledger-agent.service")
	require.NoError(t, err)
	limit := regexp.MustCompile(`(?m)^MemoryMax=([0-9]+)M$`).FindSubmatch(unit)
	require.NotNil(t, limit)
	mib, err := strconv.Atoi(string(limit[1]))
	require.NoError(t, err)
	require.LessOrEqual(t, parsed(t, "--spool", t.TempDir()).memory().Bound(), uint64(mib)<<20*9/10)
}
