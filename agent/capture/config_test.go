// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/bpf"
	"tcpledger/internal/text"
	"tcpledger/schema"
)

func TestTheDefaultIsValid(t *testing.T) {
	c := DefaultConfig()
	require.NoError(t, c.Validate())
	require.Len(t, c.Kinds, len(schema.CaptureKinds()))
	require.True(t, c.Kinds[bpf.KindConnection])
	require.False(t, c.Kinds[bpf.KindState])
	require.Equal(t, schema.KindDrop.Budget(), c.Budgets[bpf.KindDrop])
}

// TestImpossibleConfigIsRefused before anything of the machine is looked at; the error names the flag and the bounds.
func TestImpossibleConfigIsRefused(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"--ring-bytes 1: a power of two from 4KiB to 1GiB": func(c *Config) { c.RingBytes = 1 },
		"--ring-bytes 4095":          func(c *Config) { c.RingBytes = 4095 },
		"--ring-bytes 12KiB":         func(c *Config) { c.RingBytes = 3 * 4096 },
		"--ring-bytes 2GiB":          func(c *Config) { c.RingBytes = 2 << 30 },
		"--ring-bytes -4KiB":         func(c *Config) { c.RingBytes = -4096 },
		"--state-entries 0: 1 to":    func(c *Config) { c.StateEntries = 0 },
		"--state-entries 5000000000": func(c *Config) { c.StateEntries = 5e9 },
		"--stack-entries -1":         func(c *Config) { c.StackEntries = -1 },
		"--stacks-per-second 0":      func(c *Config) { c.StacksPerSecond = 0 },
		"--own-pid 0: at least 1":    func(c *Config) { c.OwnPIDs = []int{1, 0} },
		"--budget drop=-1":           func(c *Config) { c.Budgets[bpf.KindDrop] = -1 },
		"a deadline of 0s: above 0s": func(c *Config) { c.Deadline = 0 },
	} {
		_, err := New(with(change))
		require.ErrorContains(t, err, want)
	}
}

// TestTheSpecHasTheConfiguredSizes: no map keeps a size from maps.h that the configuration sets.
func TestTheSpecHasTheConfiguredSizes(t *testing.T) {
	config := with(func(c *Config) {
		c.RingBytes, c.StateEntries, c.StackEntries = text.Size(os.Getpagesize()), 7, 9
		c.OwnPIDs, c.IgnoredDrops = make([]int, 100), make([]string, 300)
	})
	spec, err := prepare(config, &Features{})
	require.NoError(t, err)
	for name, want := range map[string]int{"ring": os.Getpagesize(), "conns": 7, "stacks": 9, "own_pids": 100, "ignored_drops": 302} {
		require.EqualValues(t, want, spec.Maps[name].MaxEntries, name)
	}
	spec, err = prepare(with(func(c *Config) { c.IgnoredDrops = nil }), &Features{})
	require.NoError(t, err)
	require.Positive(t, spec.Maps["own_pids"].MaxEntries)
	require.Positive(t, spec.Maps["ignored_drops"].MaxEntries)
}
