// SPDX-License-Identifier: Apache-2.0

package text

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumbers(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 7: "7", 999: "999", 1_000: "1,000", 12_345_678: "12,345,678", 1<<64 - 1: "9,223,372,036,854,775,807"} {
		require.Equal(t, want, Number(n))
	}
	require.Equal(t, "·", Count(0))
	require.Equal(t, "1,000", Count(1000))
	require.Equal(t, "·", Size(0))
	require.Equal(t, "8.8 KiB", Size(9_000))
	for us, want := range map[float64]string{0: "0 µs", 55: "55 µs", 999: "999 µs", 3_500: "3.5 ms", 250_400: "250 ms", 2_500_000: "2.5 s",
		59_000_000: "59 s", 60_000_000: "1m", 924_600_000: "15m25s", 3_600_000_000: "1h0m", 86_400_000_000 * 3: "3.0 days"} {
		require.Equal(t, want, Microseconds(us))
	}
}
