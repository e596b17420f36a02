// SPDX-License-Identifier: Apache-2.0

// Package when reads moments as engineers type them.
package when

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The forms of a moment that have a date, those of today, and the zones that may follow either; without one it is in the zone
// of now. The last is as Show writes it, so that what a program said can be given to the next.
var (
	dated  = []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02"}
	clocks = []string{"15:04:05.999999999", "15:04"}
	zones  = []string{"", "Z07:00", " MST"}
)

// The years that a DateTime64(6) of the tables can hold with room for the queries' margins.
const (
	firstYear = 1970
	lastYear  = 2199
)

// Parse reads a moment as engineers write it: RFC 3339, `2026-11-23 14:02`, `14:02` (today), `-10m`, `-2d` (before now)
// or `now`. Without a zone (`Z`, `+01:00`, ` UTC` or the name of now's) it is in now's.
func Parse(s string, now time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	if s == "now" {
		return now, nil
	}
	if strings.HasPrefix(s, "-") {
		return before(s, now)
	}
	if t, ok := in(dated, s, now); ok {
		return inRange(s, t)
	}
	if t, ok := in(clocks, s, now); ok {
		y, m, d := now.In(t.Location()).Date()
		return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location()), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: want 2026-11-23T14:02:00Z, \"2026-11-23 14:02\", 14:02 (today), -10m, -1d or now", s)
}

// in reads a moment in one of the layouts with one of the zones.
func in(layouts []string, s string, now time.Time) (time.Time, bool) {
	for _, layout := range layouts {
		for _, zone := range zones {
			t, err := time.ParseInLocation(layout+zone, s, now.Location())
			if err != nil {
				continue
			}
			// A name of a zone that is not now's says nothing of the offset.
			if zone == " MST" && t.Location() != time.UTC && t.Location() != now.Location() {
				continue
			}
			return t, true
		}
	}
	return time.Time{}, false
}

// before reads "-10m" and "-2d12h".
func before(s string, now time.Time) (time.Time, error) {
	rest, days := s[1:], 0
	if n, tail, ok := strings.Cut(rest, "d"); ok {
		parsed, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return time.Time{}, fmt.Errorf("%q is no time before now: want -10m, -1h30m or -2d", s)
		}
		rest, days = tail, int(parsed)
	}
	var d time.Duration
	if rest != "" || days == 0 {
		parsed, err := time.ParseDuration(rest)
		if err != nil || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
			return time.Time{}, fmt.Errorf("%q is no time before now: want -10m, -1h30m or -2d", s)
		}
		d = parsed
	}
	return inRange(s, now.AddDate(0, 0, -days).Add(-d))
}

func inRange(s string, t time.Time) (time.Time, error) {
	if y := t.UTC().Year(); y < firstYear || y > lastYear {
		return time.Time{}, fmt.Errorf("%q is in the year %d: want %d to %d", s, y, firstYear, lastYear)
	}
	return t, nil
}

// defaultWindow is the length of a window of which only one bound, or none, is given.
const defaultWindow = 15 * time.Minute

// Window reads --from and --to; "" is the default: to now, from 15 minutes before to.
func Window(from, to string, now time.Time) (start, end time.Time, err error) {
	end = now
	if to != "" {
		if end, err = Parse(to, now); err != nil {
			return start, end, fmt.Errorf("--to: %w", err)
		}
	}
	start = end.Add(-defaultWindow)
	if from != "" {
		if start, err = Parse(from, now); err != nil {
			return start, end, fmt.Errorf("--from: %w", err)
		}
	}
	switch {
	case start.After(now):
		return start, end, fmt.Errorf("--from %s is in the future: now is %s (a time without a date is today's)", Show(start), Show(now))
	case !start.Before(end):
		return start, end, errors.New("--from " + Show(start) + " is not before --to " + Show(end))
	}
	return start, end, nil
}

// Show writes a moment with its zone, for a person.
func Show(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") }
