// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/console/ask"
)

func TestNumbers(t *testing.T) {
	for n, want := range map[uint64]string{0: "·", 7: "7", 999: "999", 1_000: "1,000", 12_345_678: "12,345,678"} {
		require.Equal(t, want, number(n))
	}
	for us, want := range map[float64]string{0: "0 µs", 55: "55 µs", 999: "999 µs", 3_500: "3.5 ms", 250_400: "250 ms", 2_500_000: "2.5 s",
		59_000_000: "59 s", 60_000_000: "1m", 924_600_000: "15m25s", 3_600_000_000: "1h0m", 86_400_000_000 * 3: "3.0 days"} {
		require.Equal(t, want, duration(&us))
	}
	require.Equal(t, "?", duration(nil))
	require.Equal(t, "·", size(0))
	require.Equal(t, "8.8 KiB", size(9_000))
}

func TestShowRemote(t *testing.T) {
	for s, want := range map[string]string{"10.0.0.5": "10.0.0.5", "10.0.0.5/8": "10.0.0.0/8", "2001:db8::/32": "2001:db8::/32",
		"::/0": "::/0", "0.0.0.0/0": "0.0.0.0/0", "::1": "::1"} {
		p, err := ask.ParseRemote(s)
		require.NoError(t, err)
		require.Equal(t, want, showRemote(p))
	}
}
