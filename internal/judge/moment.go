// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"math"
	"slices"
	"time"

	"tcpledger/schema"
)

const (
	// maxAhead is how far a row may be ahead of the broker's time.
	maxAhead = 24 * time.Hour
	// maxDays bounds the days of one message: each is an insert of its own. A batch is closed after seconds, so it has two at
	// midnight.
	maxDays = 3
	day     = int64(24 * time.Hour)
)

// moment says what is wrong with a moment of a message, "" if nothing is.
func (j *Judge) moment(m *Message, h *schema.Header, boot uint64) (Kind, string) {
	if boot > math.MaxInt64 || (h.Clock.Offset > 0 && int64(boot) > math.MaxInt64-h.Clock.Offset) {
		return Time, fmt.Sprintf("boot time %d ns is no time by the batch's clock", boot)
	}
	wall := h.Wall(boot)
	if detail := badTime(m, wall); detail != "" {
		return Time, detail
	}
	if d := wall / day; !slices.Contains(j.days, d) {
		if len(j.days) == maxDays {
			return Time, fmt.Sprintf("rows of more than %d days in one message", maxDays)
		}
		j.days = append(j.days, d)
	}
	return "", ""
}

// badTime compares a wall clock in nanoseconds since 1970 with the broker's time of the message.
func badTime(m *Message, wall int64) string {
	at := time.Unix(0, wall).UTC()
	switch {
	case wall < 0 || at.Unix() >= schema.EndOfTime:
		return fmt.Sprintf("%s is outside 1970 to 2105", at.Format(time.RFC3339))
	case at.After(m.Time.Add(maxAhead)):
		return fmt.Sprintf("%s is more than a day ahead of the broker's %s", at.Format(time.RFC3339), m.Time.UTC().Format(time.RFC3339))
	case at.Before(m.Time.Add(-schema.Retention)):
		return fmt.Sprintf("%s is longer ago than the tables keep a row, by the broker's %s", at.Format(time.RFC3339), m.Time.UTC().Format(time.RFC3339))
	}
	return ""
}
