// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
)

// KernelBytes is no less than what the kernel says that full maps take, and not much more.
func TestKernelBytesAreWhatFullMapsTake(t *testing.T) {
	privileged(t)
	config := DefaultConfig()
	config.StateEntries, config.StackEntries = 1<<17, 1<<14
	c, err := New(config)
	require.NoError(t, err)
	require.NoError(t, c.Start())
	defer func() { require.NoError(t, c.Close()) }()
	status, err := c.Status()
	require.NoError(t, err)
	for _, m := range status.Maps {
		switch m.Name {
		case "conns":
			fillMap[[192]byte](t, ebpf.MapID(m.ID))
		case "stacks":
			fillMap[[384]byte](t, ebpf.MapID(m.ID))
		}
	}
	status, err = c.Status()
	require.NoError(t, err)
	var taken uint64
	for _, m := range status.Maps {
		taken += m.Memory
	}
	if taken == 0 {
		t.Skip("this kernel does not say what a map takes")
	}
	require.LessOrEqual(t, taken, config.KernelBytes())
	require.GreaterOrEqual(t, taken*100, config.KernelBytes()*85, "the bound is far above what is taken")
}

// fillMap puts entries of zeros into a hash map until it is full.
func fillMap[V any](t *testing.T, id ebpf.MapID) {
	t.Helper()
	m, err := ebpf.NewMapFromID(id)
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	const chunk = 4096
	keys, values := make([]uint64, chunk), make([]V, chunk)
	for from := uint64(0); from < uint64(m.MaxEntries()); from += chunk {
		for i := range keys {
			keys[i] = 1<<40 + from + uint64(i)
		}
		if n, err := m.BatchUpdate(keys, values, nil); err != nil {
			t.Logf("full after %d of a chunk: %v", n, err)
			return
		}
	}
}
