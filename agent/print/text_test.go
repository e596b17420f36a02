// SPDX-License-Identifier: Apache-2.0

package print

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{0: "0B", 1023: "1023B", 1024: "1.0KiB", 1536: "1.5KiB", 1 << 30: "1.0GiB",
		1<<64 - 1: "16EiB"} {
		require.Equal(t, want, size(n))
		require.LessOrEqual(t, len(size(n)), columns[columnSent].width)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0µs", 55_000: "55µs", 1_234_567: "1.23ms", 1_500 * time.Millisecond: "1.5s",
		61 * time.Second: "1m1s", 25*time.Hour + 3*time.Minute: "25h3m", 101 * time.Hour: "4.2days"} {
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
	e := schema.Event{Kind: schema.KindLingering, Identity: schema.Identity{Weight: 1}, StateUS: schema.Some(61_400_000)}
	require.Equal(t, "for 1m1s", eventDetail(&e))
	e.StateUS = schema.Some(1<<64 - 1)
	require.Equal(t, "for 106752.0days", eventDetail(&e), "a time that no clock measures does not turn negative")
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

// A process may give itself any name: no control character of it reaches the terminal.
func FuzzNames(f *testing.F) {
	f.Add("\x1b[31m\xff")
	f.Fuzz(func(t *testing.T, s string) {
		var out bytes.Buffer
		c := schema.Connection{Owner: schema.Owner{PID: 7, Comm: s}}
		require.NoError(t, New(&out, Options{Zone: time.UTC}).Connection(&c, time.Time{}))
		for _, r := range out.String() {
			require.True(t, r == '\n' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f), "%q", r)
		}
	})
}
