// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// FillMap puts entries of zeros into a hash map of the kernel, with keys of 64 bits, until it is full. Its programs may add
// entries meanwhile.
func FillMap[V any](t *testing.T, id ebpf.MapID) {
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
		if _, err := m.BatchUpdate(keys, values, nil); err != nil {
			require.ErrorIs(t, err, unix.E2BIG, "full: the programs have entries of their own")
			return
		}
	}
}
