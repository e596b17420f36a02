// SPDX-License-Identifier: Apache-2.0

package print

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{0: "0B", 1023: "1023B", 1024: "1.0KiB", 1536: "1.5KiB", 1<<20 - 1: "1.0MiB", 1 << 30: "1.0GiB",
		1<<64 - 1: "16.0EiB"} {
		require.Equal(t, want, size(n))
		require.LessOrEqual(t, len(size(n)), columns[columnSent].width)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", 999_999: "999µs", 1_234_567: "1.2ms", 1_500 * time.Millisecond: "1.5s",
		61 * time.Second: "1m01s", 25*time.Hour + 3*time.Minute: "25h03m", 101 * time.Hour: "4d05h"} {
		require.Equal(t, want, duration(d))
	}
	c := schema.Connection{Identity: schema.Identity{At: 5}, OpenedAt: schema.Some(6)}
	require.Equal(t, "-", lifetime(&c), "it cannot end before it began")
}

func TestEndpoint(t *testing.T) {
	require.Equal(t, "-", endpoint(netip.Addr{}, 80))
	require.Equal(t, "10.0.0.1:80", endpoint(netip.MustParseAddr("10.0.0.1"), 80))
	require.Equal(t, "[fe80::1]:80", endpoint(netip.MustParseAddr("fe80::1"), 80))
}

func TestStay(t *testing.T) {
	e := schema.Event{Kind: schema.KindLingering, Identity: schema.Identity{Weight: 1}, StateUS: schema.Some(61_500_000)}
	require.Equal(t, "for 1m01s", eventDetail(&e))
	e.StateUS = schema.Some(1<<64 - 1)
	require.Equal(t, "for 106751d23h", eventDetail(&e), "what nobody's clock measured does not turn negative")
	e.StateUS = schema.Optional{}
	require.Equal(t, "since before the agent", eventDetail(&e))
}

func TestFlagNames(t *testing.T) {
	require.Equal(t, "S.", flagNames(0x12))
	require.Equal(t, "FSRP.UEW", flagNames(0xff))
	require.Empty(t, flagNames(0))
}

func TestAFinInFlightIsNoData(t *testing.T) {
	c := schema.Connection{Counters: schema.Counters{SndNxt: 10, SndUna: 9}}
	c.LastState = schema.StateFinWait1
	require.Zero(t, unacked(&c))
	c.LastState = schema.StateEstablished
	require.Equal(t, uint32(1), unacked(&c))
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[31m\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range clean(s) {
			require.True(t, r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f))
		}
	})
}
