// SPDX-License-Identifier: Apache-2.0

package console

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
)

func TestChart(t *testing.T) {
	now := time.Date(2026, 11, 2, 14, 15, 7, 0, time.UTC)
	f := window(query.Filter{}, now)
	require.Equal(t, "14:00:00", f.From.Format(time.TimeOnly))
	require.Equal(t, "14:15:00", f.To.Format(time.TimeOnly), "a slot that goes on is not shown")
	first := f.From.Unix()
	c := newChart([]query.Rate{
		{Slot: first, Cause: "peer_reset", Endings: 10},
		{Slot: first, Cause: "peer_close", Endings: 30},
		{Slot: first, Cause: "of_the_future", Endings: 1},
		{Slot: first + 890, Cause: "refused", Endings: 1},
		{Slot: first + 900, Cause: "refused", Endings: 7}, // after the window
		{Slot: first - 10, Cause: "refused", Endings: 7},
	}, f, time.UTC)
	require.Equal(t, "5", c.Top)
	require.Equal(t, "2.5", c.Half)
	require.Equal(t, []string{"14:00", "14:03", "14:06", "14:09", "14:12", "14:15"}, c.Ticks)
	require.Equal(t, []bar{
		{X: 1, W: 8, Y: "40.00", H: "60.00", Class: "c-peer_close", Title: "14:00:00  peer_close: 30"},
		{X: 1, W: 8, Y: "20.00", H: "20.00", Class: "c-peer_reset", Title: "14:00:00  peer_reset: 10"},
		{X: 1, W: 8, Y: "18.00", H: "2.00", Class: "c-other", Title: "14:00:00  of_the_future: 1"},
		{X: 891, W: 8, Y: "98.00", H: "2.00", Class: "c-refused", Title: "14:14:50  refused: 1"},
	}, c.Bars)
	require.Equal(t, []legend{{"peer_close", "c-peer_close", "30"}, {"peer_reset", "c-peer_reset", "10"}, {"refused", "c-refused", "15"},
		{"of_the_future", "c-other", "1"}}, c.Legend)
}

func TestEmptyChart(t *testing.T) {
	c := newChart(nil, window(query.Filter{}, time.Now()), time.UTC)
	require.Empty(t, c.Bars)
	require.Equal(t, "1", c.Top)
}

// Whatever the numbers, no bar leaves the chart.
func FuzzChart(f *testing.F) {
	f.Add(uint32(1), uint32(2), int8(0))
	f.Add(uint32(1<<32-1), uint32(0), int8(-3))
	f.Fuzz(func(t *testing.T, a, b uint32, shift int8) {
		w := window(query.Filter{}, time.Unix(1_800_000_000, 0))
		at := w.From.Unix() + 10*int64(shift)
		for _, bar := range newChart([]query.Rate{{Slot: at, Cause: "refused", Endings: uint64(a)}, {Slot: at, Cause: "killed", Endings: uint64(b)}}, w, time.UTC).Bars {
			y, err := strconv.ParseFloat(bar.Y, 64)
			if err != nil || y < -0.01 || y > chartHeight || bar.X < 0 || bar.X+bar.W > slots*barStep {
				t.Fatalf("%+v", bar)
			}
		}
	})
}
