// SPDX-License-Identifier: Apache-2.0

package storms

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
)

// sunday is the newest of the nights that are compared, a time of day.
var sunday = time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)

// night fills the hours around two o'clock, so many days before the sunday, and looks for storms there.
func night(w *World, days int, more func(at time.Time)) []query.Storm {
	w.Helper()
	at := sunday.AddDate(0, 0, -days)
	from, to := at.Add(-80*time.Minute), at.Add(40*time.Minute)
	w.Ordinary(from, to, Load{Rate: 100, Night: 1, Seed: uint64(days) + 1, Own: "host-5", Port: 443, Power: 8})
	more(at)
	w.SumUp(from, to)
	w.Find(at.Add(-5*time.Minute), to)
	found := w.Storms(from, to)
	w.Logf("%d days before: %+v", days, found)
	return found
}

// departed lists what departed and when, in the order of time.
func departed(found []query.Storm) []string {
	out := []string{}
	for _, s := range found {
		for _, d := range s.Departed {
			out = append(out, d.Began.Format("15:04 ")+d.What)
		}
	}
	slices.Sort(out)
	return out
}

// A job that leaves endings each night, or each week, is usual once it was there twice. What departs from all its pasts is a storm, also
// the load as a whole, which only other days can say.
func TestOtherDaysAndWeeksArePasts(t *testing.T) {
	w := stopped(t)
	leave := func(host, cause string, at time.Time, minute, rate int) {
		from := at.Add(time.Duration(minute) * time.Minute)
		burst(w, host, cause, from, from.Add(3*time.Minute), rate)
	}
	daily := func(at time.Time) { leave("host-1", "retransmit_timeout", at, 0, 40) }
	weekly := func(at time.Time) {
		daily(at)
		leave("host-2", "keepalive_timeout", at, 10, 40)
	}
	require.Equal(t, []string{"02:00 retransmit_timeout", "02:10 keepalive_timeout"}, departed(night(w, 14, weekly)), "new")
	require.Equal(t, []string{"02:00 retransmit_timeout", "02:10 keepalive_timeout"}, departed(night(w, 7, weekly)), "once is no habit")
	night(w, 1, daily)
	found := night(w, 0, func(at time.Time) {
		weekly(at)
		leave("host-3", "peer_reset", at, 20, 60)
		leave("host-4", "local_close", at, 30, 1000)
	})
	require.Equal(t, []string{"02:20 peer_reset", "02:30 endings", "02:30 local_close"}, departed(found), "each night, and each week")
	require.Len(t, found, 2)
	for _, s := range found {
		for _, d := range s.Departed {
			require.True(t, d.What != "endings" || d.Against != "hour", "%+v", d)
		}
	}
}
