// SPDX-License-Identifier: Apache-2.0

// Package when reads moments as engineers type them.
package when

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"tcpledger/schema"
)

// The layouts of a moment with a date and of one of today, and the zones that may follow either; a moment without a zone is in
// the zone of now. Show writes the last zone, so that what one command prints another reads.
var (
	dated  = []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02"}
	clocks = []string{"15:04:05.999999999", "15:04"}
	zones  = []string{"", "Z07:00", " MST"}
)

// Parse reads a moment: RFC 3339, `2026-11-23 14:02`, `14:02` (today), `-10m`, `-2d12h` (before now; a day is 24 hours) or `now`.
// A moment without a zone (`Z`, `+01:00`, ` UTC` or the name of now's) is in the zone of now. One that the tables cannot hold is
// an error.
func Parse(s string, now time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	if s == "now" {
		return now, nil
	}
	if before, ok := strings.CutPrefix(s, "-"); ok {
		d, err := model.ParseDuration(before)
		if err != nil {
			return time.Time{}, fmt.Errorf("%q is no time before now: want -10m, -1h30m or -2d", s)
		}
		return inRange(s, now.Add(-time.Duration(d)))
	}
	if wall, ok := in(dated, zones[:1], s, time.UTC); ok {
		return placed(s, wall, now.Location())
	}
	if t, ok := in(dated, zones[1:], s, now.Location()); ok {
		return inRange(s, t)
	}
	if t, ok := in(clocks, zones[:1], s, time.UTC); ok {
		return placed(s, today(now, t), now.Location())
	}
	if t, ok := in(clocks, zones[1:], s, now.Location()); ok {
		return today(now.In(t.Location()), t), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: want 2026-11-23T14:02:00Z, \"2026-11-23 14:02\", 14:02 (today), -10m, -1d or now", s)
}

// in reads a moment in one of the layouts with one of the zones; one without a zone is in here.
func in(layouts, zones []string, s string, here *time.Location) (time.Time, bool) {
	for _, layout := range layouts {
		for _, zone := range zones {
			t, err := time.ParseInLocation(layout+zone, s, here)
			if err != nil {
				continue
			}
			// The name of another zone than here does not say the offset.
			if zone == " MST" && t.Location() != time.UTC && t.Location() != here {
				continue
			}
			return t, true
		}
	}
	return time.Time{}, false
}

// today is the time of t on the day of now, in the zone of t.
func today(now, t time.Time) time.Time {
	y, m, d := now.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
}

// placed is the moment at which clocks in zone show what wall shows. Where the clocks change they show a time twice or never: that is
// an error, which says how to name one.
func placed(s string, wall time.Time, zone *time.Location) (time.Time, error) {
	var found []time.Time
	for _, near := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := wall.Add(near).In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if t.Format(time.DateTime) == wall.Format(time.DateTime) && !slices.ContainsFunc(found, t.Equal) {
			found = append(found, t)
		}
	}
	switch len(found) {
	case 0:
		return time.Time{}, fmt.Errorf("%q is no time in %s: the clocks were put forward over it", s, zone)
	case 1:
		return inRange(s, found[0])
	}
	return time.Time{}, fmt.Errorf("%q is two times in %s, where the clocks were put back: want %s or %s", s, zone, found[0].Format(time.RFC3339), found[1].Format(time.RFC3339))
}

func inRange(s string, t time.Time) (time.Time, error) {
	if t.Unix() < 0 || t.Unix() >= schema.EndOfTime {
		return time.Time{}, fmt.Errorf("%q is in the year %d: the tables hold 1970 to %d", s, t.UTC().Year(), time.Unix(schema.EndOfTime-1, 0).UTC().Year())
	}
	return t, nil
}

// Show writes a moment with its zone, for a person.
func Show(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") }
