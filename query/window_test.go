// SPDX-License-Identifier: Apache-2.0

package query

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

func TestParseWindow(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC)
	for _, c := range []struct{ from, to, wantFrom, wantTo, err string }{
		{"", "", "14:15", "14:30", ""},
		{"14:02", "", "14:02", "14:30", ""},
		{"", "14:02", "13:47", "14:02", ""},
		{"-10m", "-5m", "14:20", "14:25", ""},
		{"14:00", "14:40", "14:00", "14:40", ""}, // the answer says that the rest is not yet known
		{"14:02", "14:02", "", "", "from: 2026-11-23 14:02:00 UTC is not before the end of the window, 2026-11-23 14:02:00 UTC"},
		{"14:10", "14:02", "", "", "is not before the end"},
		{"23:50", "", "", "", `from: 2026-11-23 23:50:00 UTC is in the future, now is 2026-11-23 14:30:00 UTC (a time without a date is today's)`},
		{"yesterday", "", "", "", `from: "yesterday" is no time`},
		{"", "soon", "", "", `to: "soon" is no time`},
	} {
		w, err := ParseWindow(c.from, c.to, now)
		if c.err != "" {
			require.ErrorContains(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.wantFrom, w.From.Format("15:04"))
		require.Equal(t, c.wantTo, w.To.Format("15:04"))
	}
}

// Every window that is accepted is in order and in the years that the tables hold.
func FuzzParseWindow(f *testing.F) {
	for _, s := range []string{"now", "14:02", "-10m", "-2d1h", "2026-11-23 14:02", "2026-11-23T14:02:00+01:00", "-9999999h", "0000-01-01"} {
		f.Add(s, "now")
		f.Add("-1h", s)
	}
	now := time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, from, to string) {
		w, err := ParseWindow(from, to, now)
		if err != nil {
			return
		}
		if !w.From.Before(w.To) || w.From.After(now) || w.To.Unix() >= schema.EndOfTime {
			t.Fatalf("ParseWindow(%q, %q) = %v to %v", from, to, w.From, w.To)
		}
	})
}
