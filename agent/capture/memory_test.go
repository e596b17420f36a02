// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"

	"tcpledger/test/lab"
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
			lab.FillMap[[192]byte](t, ebpf.MapID(m.ID))
		case "stacks":
			lab.FillMap[[384]byte](t, ebpf.MapID(m.ID))
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
