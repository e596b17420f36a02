// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
)

func TestChart(t *testing.T) {
	from := time.Date(2026, 11, 2, 14, 0, 0, 0, time.UTC)
	w := query.Window{From: from, To: from.Add(15 * time.Minute)}
	slot := SlotOf(w)
	require.Equal(t, 10*time.Second, slot)
	first := w.From.Unix()
	c := NewChart([]query.Rate{
		{Slot: first, Cause: "peer_reset", Endings: 10},
		{Slot: first, Cause: "peer_close", Endings: 30},
		{Slot: first, Cause: "of_the_future", Endings: 1},
		{Slot: first + 890, Cause: "refused", Endings: 1},
		{Slot: first + 900, Cause: "refused", Endings: 7}, // after the window
		{Slot: first - 10, Cause: "refused", Endings: 7},
	}, w, slot, time.UTC)
	require.Equal(t, "5", c.Top)
	require.Equal(t, "2.5", c.Half)
	require.Equal(t, []string{"14:00", "14:03", "14:06", "14:09", "14:12", "14:15"}, c.Ticks)
	require.Equal(t, []Bar{
		{X: 1, W: 8, Y: "40.00", H: "60.00", Cause: "peer_close", Class: "c-peer_close", Title: "14:00:00  peer_close: 30"},
		{X: 1, W: 8, Y: "20.00", H: "20.00", Cause: "peer_reset", Class: "c-peer_reset", Title: "14:00:00  peer_reset: 10"},
		{X: 1, W: 8, Y: "18.00", H: "2.00", Cause: "of_the_future", Class: "c-other", Title: "14:00:00  of_the_future: 1"},
		{X: 891, W: 8, Y: "98.00", H: "2.00", Cause: "refused", Class: "c-refused", Title: "14:14:50  refused: 1"},
	}, c.Bars)
	require.Equal(t, []Legend{{"peer_close", "c-peer_close", "30"}, {"peer_reset", "c-peer_reset", "10"}, {"refused", "c-refused", "15"},
		{"of_the_future", "c-other", "1"}}, c.Legend)
}

func TestEmptyChart(t *testing.T) {
	w := query.Window{From: time.Now().Add(-time.Minute), To: time.Now()}
	c := NewChart(nil, w, SlotOf(w), time.UTC)
	require.Empty(t, c.Bars)
	require.Equal(t, "1", c.Top)
}

// A window of any length has at most as many bars as the page has room for, and its slots begin at the same times as the rates'.
func TestSlots(t *testing.T) {
	from := time.Unix(1_800_000_007, 300)
	for length, want := range map[time.Duration]time.Duration{time.Second: time.Second, 90 * time.Second: time.Second, 91 * time.Second: 2 * time.Second,
		15 * time.Minute: 10 * time.Second, time.Hour: time.Minute, 24 * time.Hour: 20 * time.Minute, 400 * 24 * time.Hour: 7 * 24 * time.Hour, 50 * 365 * 24 * time.Hour: 203 * 24 * time.Hour} {
		w := query.Window{From: from, To: from.Add(length)}
		slot := SlotOf(w)
		require.Equal(t, want, slot, length)
		require.LessOrEqual(t, barCount(w, slot), maxBars+1, length)
		require.Zero(t, firstSlot(w, slot)%int64(slot/time.Second))
	}
	w := query.Window{From: time.Unix(1_800_000_000, 0), To: time.Unix(1_800_000_900, 0)}
	require.Equal(t, maxBars, barCount(w, 10*time.Second))
}

func TestRoundUp(t *testing.T) {
	for n, want := range map[float64]float64{0.03: 0.05, 0.1: 0.1, 0.9: 1, 1: 1, 1.1: 2, 4: 5, 6: 10, 10: 10, 51: 100, 200: 200, 201: 500} {
		require.InEpsilon(t, want, roundUp(n), 1e-9, n)
	}
}

// Whatever the numbers, no bar leaves the chart.
func FuzzChart(f *testing.F) {
	f.Add(uint32(1), uint32(2), int8(0), uint32(900))
	f.Add(uint32(1<<32-1), uint32(0), int8(-3), uint32(1))
	f.Add(uint32(1), uint32(0), int8(90), uint32(1<<32-1))
	f.Fuzz(func(t *testing.T, a, b uint32, shift int8, seconds uint32) {
		from := time.Unix(1_800_000_003, 0)
		w := query.Window{From: from, To: from.Add(time.Duration(max(seconds, 1)) * time.Second)}
		slot := SlotOf(w)
		at := firstSlot(w, slot) + int64(slot/time.Second)*int64(shift)
		c := NewChart([]query.Rate{{Slot: at, Cause: "refused", Endings: uint64(a)}, {Slot: at, Cause: "killed", Endings: uint64(b)}}, w, slot, time.UTC)
		if c.Width > (maxBars+1)*barStep {
			t.Fatalf("%d wide", c.Width)
		}
		for _, bar := range c.Bars {
			y, err := strconv.ParseFloat(bar.Y, 64)
			if err != nil || y < -0.01 || y > chartHeight || bar.X < 0 || bar.X+bar.W > c.Width {
				t.Fatalf("%+v", bar)
			}
		}
	})
}
