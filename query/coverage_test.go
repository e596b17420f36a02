// SPDX-License-Identifier: Apache-2.0

package query

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGaps(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 2, 14, minute, 0, 0, time.UTC) }
	sessions := func(minutes ...int) [][]time.Time {
		var out [][]time.Time
		for i := 0; i < len(minutes); i += 2 {
			out = append(out, []time.Time{at(minutes[i]), at(minutes[i+1])})
		}
		return out
	}
	for name, c := range map[string]struct {
		last     int
		sessions [][]time.Time
		want     []Window // of the window from :10 to :20
	}{
		"all of it":              {30, sessions(0, 30), nil},
		"until the last":         {15, sessions(0, 15), nil},
		"began in it":            {30, sessions(12, 30), []Window{{at(10), at(12)}}},
		"between two":            {30, sessions(0, 13, 15, 30), []Window{{at(13), at(15)}}},
		"two at a time":          {30, sessions(0, 13, 11, 12, 13, 30), nil},
		"died at once":           {30, sessions(0, 11, 12, 12, 14, 30), []Window{{at(11), at(12)}, {at(12), at(14)}}},
		"ended, begins after it": {40, sessions(0, 15), []Window{{at(15), at(20)}}},
		"nothing of it":          {40, nil, []Window{{at(10), at(20)}}},
		"ended before it":        {5, nil, nil},
	} {
		k := Coverage{Last: at(c.last), Sessions: c.sessions}
		require.Equal(t, c.want, k.Gaps(Window{at(10), at(20)}), name)
	}
	require.Empty(t, Coverage{Last: time.Unix(0, 0)}.Gaps(Window{at(10), at(20)}), "never a checkpoint: all of it is not yet known")
}
