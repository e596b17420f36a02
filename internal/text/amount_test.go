// SPDX-License-Identifier: Apache-2.0

package text

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCount(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 7: "7", 999: "999", 1_000: "1,000", 12_345_678: "12,345,678", 1<<64 - 1: "9,223,372,036,854,775,807"} {
		require.Equal(t, want, Count(n))
	}
	require.Equal(t, "·", Dot(0, Count))
	require.Equal(t, "1,000", Dot(1000, Count))
	require.Equal(t, "·", Dot(0, Bytes))
	require.Equal(t, "8.8 KiB", Dot(9_000, Bytes))
	require.Equal(t, "0 B", Bytes(0))
}

func TestDuration(t *testing.T) {
	for us, want := range map[float64]string{0: "0 µs", 55: "55 µs", 999: "999 µs", 3_500: "3.5 ms", 250_400: "250 ms", 2_500_000: "2.5 s",
		59_000_000: "59 s", 60_000_000: "1m", 924_600_000: "15m25s", 3_600_000_000: "1h0m", 86_400_000_000 * 3: "3.0 days",
		1 << 63: "106752.0 days", 1 << 64: "106752.0 days"} {
		require.Equal(t, want, Microseconds(us))
	}
	require.Equal(t, "1 µs", Duration(1400*time.Nanosecond))
}
