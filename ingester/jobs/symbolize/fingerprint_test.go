// SPDX-License-Identifier: Apache-2.0

package symbolize

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The same path has the same fingerprint whatever the build did to its names and however the kernel was entered.
func TestFingerprintIsTheSameAcrossBuilds(t *testing.T) {
	old := fingerprint([]string{"tcp_set_state", "tcp_done.isra.0", "tcp_v4_rcv", "asm_common_interrupt", "cpu_startup_entry", "start_secondary"})
	other := fingerprint([]string{"tcp_set_state", "tcp_done", "tcp_v4_rcv.cold", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"})
	require.Equal(t, old, other)
	require.NotEqual(t, old, fingerprint([]string{"tcp_set_state", "tcp_v4_rcv"}))
	require.NotEqual(t, fingerprint([]string{"ab", "c"}), fingerprint([]string{"a", "bc"}))
	require.NotZero(t, fingerprint(nil))
}

func TestTableFinds(t *testing.T) {
	var tab table
	tab.add(0x100, "a")
	tab.add(0x200, "alias_1")
	tab.add(0x200, "alias_2")
	tab.add(0x300, "z")
	for _, c := range []struct {
		offset    uint64
		returning bool
		name      string
		distance  uint64
	}{
		{0x100, false, "a", 0}, {0x1ff, false, "a", 0xff}, {0x200, false, "alias_1", 0}, {0x210, true, "alias_1", 0x10},
		{0x200, true, "a", 0x100}, {0x300, true, "alias_1", 0x100}, {0x9999, false, "z", 0x9999 - 0x300},
	} {
		name, distance, ok := tab.find(c.offset, c.returning)
		require.True(t, ok)
		require.Equal(t, c.name, name, "%#x", c.offset)
		require.Equal(t, c.distance, distance, "%#x", c.offset)
	}
	_, _, ok := tab.find(0xff, false)
	require.False(t, ok)
	_, _, ok = (&table{}).find(1, false)
	require.False(t, ok)
}
