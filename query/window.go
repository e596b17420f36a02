// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"time"

	"tcpledger/query/when"
)

// Window is the time a question is about: From is in it, To is not.
type Window struct{ From, To time.Time }

// DefaultWindow is the length of a window of which only one end, or none, is given.
const DefaultWindow = 15 * time.Minute

// ParseWindow reads the ends of a window in the forms that when.Parse knows; "" is the default: to is now, from is 15 minutes
// before to. An error begins with "from: " or "to: ".
func ParseWindow(from, to string, now time.Time) (w Window, err error) {
	w.To = now
	if to != "" {
		if w.To, err = when.Parse(to, now); err != nil {
			return w, fmt.Errorf("to: %w", err)
		}
	}
	w.From = w.To.Add(-DefaultWindow)
	if from != "" {
		if w.From, err = when.Parse(from, now); err != nil {
			return w, fmt.Errorf("from: %w", err)
		}
	}
	switch {
	case w.From.After(now):
		return w, fmt.Errorf("from: %s is in the future, now is %s (a time without a date is today's)", when.Show(w.From), when.Show(now))
	case !w.From.Before(w.To):
		return w, fmt.Errorf("from: %s is not before the end of the window, %s", when.Show(w.From), when.Show(w.To))
	}
	return w, nil
}

// Length is the time from From to To.
func (w Window) Length() time.Duration { return w.To.Sub(w.From) }

// timeLayout is how a DateTime64(6, 'UTC') parameter is written.
const timeLayout = "2006-01-02 15:04:05.000000"

func timeParameter(t time.Time) string { return t.UTC().Format(timeLayout) }

// The parameters of every question about a window.
const (
	paramFrom = "{from:DateTime64(6, 'UTC')}"
	paramTo   = "{to:DateTime64(6, 'UTC')}"
)

// contains is the condition that a time column is in the window.
func contains(column string) string {
	return column + " >= " + paramFrom + " AND " + column + " < " + paramTo
}

// parameters gives the values of the window's parameters.
func (w Window) parameters() map[string]string {
	return map[string]string{"from": timeParameter(w.From), "to": timeParameter(w.To)}
}
