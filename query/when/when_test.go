// SPDX-License-Identifier: Apache-2.0

package when

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

func berlin(t testing.TB) *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones on this machine")
	}
	return zone
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 30, 15, 500, berlin(t))
	for s, want := range map[string]string{
		"now":                       "2026-11-23T13:30:15.0000005Z",
		" now ":                     "2026-11-23T13:30:15.0000005Z",
		"14:02":                     "2026-11-23T13:02:00Z",
		"14:02:03.25":               "2026-11-23T13:02:03.25Z",
		"23:59":                     "2026-11-23T22:59:00Z",
		"2026-11-23 14:02":          "2026-11-23T13:02:00Z",
		"2026-11-23 14:02:05":       "2026-11-23T13:02:05Z",
		"2026-11-23T14:02":          "2026-11-23T13:02:00Z",
		"2026-11-23":                "2026-11-22T23:00:00Z",
		"2026-07-01 14:02":          "2026-07-01T12:02:00Z", // summer time
		"2026-11-23T14:02:00Z":      "2026-11-23T14:02:00Z",
		"2026-11-23T14:02:00.5Z":    "2026-11-23T14:02:00.5Z",
		"2026-11-23T14:02:00-05:00": "2026-11-23T19:02:00Z",
		"2026-11-23 14:02:00 UTC":   "2026-11-23T14:02:00Z",
		"2026-11-23 14:02 UTC":      "2026-11-23T14:02:00Z",
		"2026-11-23 14:02:00 CET":   "2026-11-23T13:02:00Z",
		"2026-11-23 14:02+03:00":    "2026-11-23T11:02:00Z",
		"14:02Z":                    "2026-11-23T14:02:00Z",
		"14:02 UTC":                 "2026-11-23T14:02:00Z",
		"01:02+14:00":               "2026-11-23T11:02:00Z", // it is the 24th there
		"-10m":                      "2026-11-23T13:20:15.0000005Z",
		"-1h30m":                    "2026-11-23T12:00:15.0000005Z",
		"-90s":                      "2026-11-23T13:28:45.0000005Z",
		"-2d":                       "2026-11-21T13:30:15.0000005Z",
		"-30d":                      "2026-10-24T13:30:15.0000005Z", // a day is 24 hours, also across the change of the clocks
		"-1w":                       "2026-11-16T13:30:15.0000005Z",
		"-1d12h":                    "2026-11-22T01:30:15.0000005Z",
		"-2d12h":                    "2026-11-21T01:30:15.0000005Z",
		"2105-12-31 23:59 UTC":      "2105-12-31T23:59:00Z",
	} {
		got, err := Parse(s, now)
		require.NoError(t, err, s)
		require.Equal(t, want, got.UTC().Format(time.RFC3339Nano), s)
	}
	for _, s := range []string{"", "-", "-d", "-10", "--10m", "-+10m", "-2d-3h", "10m", "25:00", "14:60", "tomorrow", "2026-13-01 10:00",
		"2026-02-30 10:00", "2026-11-23 14:02 PST", "2026-11-23 14:02 XYZ", "14:02 UTC+3", "1969-01-01 00:00", "9999-01-01 00:00", "2106-01-01 00:00 UTC", "2199-01-01 00:00", "-65535d", "14", "1795442400"} {
		_, err := Parse(s, now)
		require.Error(t, err, s)
	}
}

// Where the clocks change, a time without a zone names no moment or two: it is not guessed.
func TestParseWhereTheClocksChange(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 30, 0, 0, berlin(t))
	_, err := Parse("2026-03-29 02:30", now)
	require.EqualError(t, err, `"2026-03-29 02:30" is no time in Europe/Berlin: the clocks were put forward over it`)
	_, err = Parse("2026-10-25 02:30", now)
	require.EqualError(t, err, `"2026-10-25 02:30" is two times in Europe/Berlin, where the clocks were put back: want 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00`)
	_, err = Parse("02:30", time.Date(2026, 10, 25, 14, 30, 0, 0, berlin(t)))
	require.ErrorContains(t, err, `"02:30" is two times`)
	for s, want := range map[string]string{
		"2026-10-25 01:59:59":       "2026-10-24T23:59:59Z",
		"2026-10-25 03:00":          "2026-10-25T02:00:00Z",
		"2026-10-25 02:30 CEST":     "2026-10-25T00:30:00Z",
		"2026-10-25 02:30 CET":      "2026-10-25T01:30:00Z",
		"2026-10-25T02:30:00+02:00": "2026-10-25T00:30:00Z",
		"2026-03-29 01:59":          "2026-03-29T00:59:00Z",
		"2026-03-29 03:00":          "2026-03-29T01:00:00Z",
		"2026-03-29":                "2026-03-28T23:00:00Z",
		"2026-03-30":                "2026-03-29T22:00:00Z",
	} {
		got, err := Parse(s, now)
		require.NoError(t, err, s)
		require.Equal(t, want, got.UTC().Format(time.RFC3339), s)
	}
}

// What a program shows can be asked for.
func TestParseReadsWhatShowWrites(t *testing.T) {
	for _, zone := range []*time.Location{time.UTC, time.Local, berlin(t)} {
		moment := time.Date(2026, 7, 1, 14, 2, 3, 0, zone)
		got, err := Parse(Show(moment), time.Date(2026, 11, 23, 14, 30, 0, 0, zone))
		require.NoError(t, err)
		require.True(t, moment.Equal(got), "%v, not %v", got, moment)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"now", "14:02", "-10m", "-2d1h", "2026-11-23 14:02", "2026-11-23T14:02:00+01:00", "-9999999h", "0000-01-01"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if moment, err := Parse(s, now); err == nil && (moment.Unix() < 0 || moment.Unix() >= schema.EndOfTime) {
			t.Fatalf("Parse(%q) = %v, which no table holds", s, moment)
		}
	})
}
