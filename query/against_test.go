// SPDX-License-Identifier: Apache-2.0

package query

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseAgainst(t *testing.T) {
	now := time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, time.UTC) }
	w := Window{at(23, 14, 0), at(23, 14, 10)}
	for s, want := range map[string]Window{
		"-1d":                               {at(22, 14, 0), at(22, 14, 10)},
		"-7d":                               {at(16, 14, 0), at(16, 14, 10)},
		"-10m":                              {at(23, 13, 50), at(23, 14, 0)},
		"2026-11-01 10:00/2026-11-01 12:00": {at(1, 10, 0), at(1, 12, 0)},
		"13:00/14:00":                       {at(23, 13, 0), at(23, 14, 0)},
	} {
		past, err := ParseAgainst(s, w, now)
		require.NoError(t, err, s)
		require.Equal(t, want, *past, s)
	}
	none, err := ParseAgainst("", w, now)
	require.NoError(t, err)
	require.Nil(t, none)
	for _, s := range []string{"1d", "-0d", "yesterday", "14:00", "14:00/13:00", "now", "/x", "-1d/-2d"} {
		_, err := ParseAgainst(s, w, now)
		require.Error(t, err, s)
	}
}

// A window is compared by how often things end in it, whatever its length.
func TestCompare(t *testing.T) {
	hour := Window{time.Unix(0, 0), time.Unix(3600, 0)}
	day := Window{time.Unix(0, 0), time.Unix(86400, 0)}
	changes, grown := compare([]tallied{{[]string{"a"}, 100}, {[]string{"b"}, 100}, {[]string{"c"}, 7}, {[]string{"d"}, 4}},
		[]tallied{{[]string{"a"}, 2400}, {[]string{"b"}, 240}, {[]string{"d"}, 24}}, hour, day, 1)
	require.Equal(t, 2, grown)
	require.Equal(t, []Change{{[]string{"b"}, 100, 10, false}}, changes)
}
