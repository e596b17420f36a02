// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
)

func TestParseURL(t *testing.T) {
	now := time.Date(2026, 11, 2, 14, 15, 0, 0, time.UTC)
	a := parseURL(url.Values{"cause": {"peer_reset"}, "host": {strings.Repeat("x", 1000)}, "remote": {"10.0.0.0/8"}, "from": {"-1h"}, "to": {"14:00"}})
	w, f, bad := a.question(now)
	require.Nil(t, bad)
	require.Len(t, f.Host, maxValue)
	require.True(t, f.Remote.IsValid())
	require.Equal(t, query.Window{From: now.Add(-time.Hour), To: now.Add(-15 * time.Minute)}, w)
	require.True(t, a.Any())
	require.True(t, a.Filtered())
	require.False(t, a.Live())

	w, _, bad = asked{}.question(now)
	require.Nil(t, bad)
	require.Equal(t, query.Window{From: now.Add(-15 * time.Minute), To: now}, w)
	require.True(t, asked{}.Live())
	require.True(t, asked{To: "now"}.Live())
	require.False(t, asked{From: "-1h"}.Filtered())

	require.Equal(t, "?from=-1h&host=web-1", asked{From: "-1h", Host: "web-1", Cause: "x"}.With("cause", ""))
	require.Equal(t, ".", asked{Host: "web-1"}.With("host", ""))
	require.Equal(t, "?remote=%3A%3A1", asked{}.With("remote", "::1"))
}

// Every link leads to a window of the same length with the same filter, and reads back as it was meant.
func TestLinks(t *testing.T) {
	zone := time.FixedZone("", 3600)
	now := time.Date(2026, 11, 2, 14, 15, 0, 0, zone)
	follow := func(link string) (asked, query.Window) {
		t.Helper()
		q, err := url.ParseQuery(strings.TrimPrefix(link, "?"))
		require.NoError(t, err)
		a := parseURL(q)
		w, _, bad := a.question(now)
		require.Nil(t, bad)
		return a, w
	}
	a := asked{Host: "web-1"}
	w, _, _ := a.question(now)
	l := a.links(w, now)
	require.Empty(t, l.Later)
	require.Empty(t, l.Now)

	a, earlier := follow(l.Earlier)
	require.True(t, earlier.To.Equal(w.From))
	require.Equal(t, w.Length(), earlier.Length())
	require.Equal(t, "web-1", a.Host)
	require.False(t, a.Live())
	l = a.links(earlier, now)
	require.Equal(t, "?host=web-1", l.Now)
	require.Equal(t, l.Now, l.Later, "the next window is the one that ends now")

	_, older := follow(l.Earlier)
	a, later := follow(a.links(older, now).Later)
	require.True(t, later.From.Equal(earlier.From))
	require.Equal(t, "web-1", a.Host)

	require.Equal(t, "?from=-1h30m", asked{}.last(90*time.Minute))
	require.Equal(t, "?from=-1s", asked{}.last(time.Millisecond))
}

func TestWindowText(t *testing.T) {
	now := time.Date(2026, 11, 2, 14, 15, 0, 0, time.UTC)
	for want, a := range map[string]asked{
		"last 15 minutes":                     {},
		"last 1h0m":                           {From: "-1h"},
		"last 1m30s":                          {From: "-90s", To: "now"},
		"2026-11-02 14:00:00 to now":          {From: "14:00"},
		"2026-11-02 14:00:00 to 14:10:00 UTC": {From: "14:00", To: "14:10"},
		"2026-11-01 23:50:00 to 2026-11-02 00:05:00 UTC": {From: "2026-11-01 23:50", To: "00:05"},
	} {
		w, _, bad := a.question(now)
		require.Nil(t, bad)
		require.Equal(t, want, windowText(a, w, time.UTC))
	}
}
