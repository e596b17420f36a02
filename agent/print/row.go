// SPDX-License-Identifier: Apache-2.0

package print

import (
	"strings"
	"unicode/utf8"

	"github.com/fatih/color"
)

// column is one of a line's; the numbers are the order.
type column int

const (
	columnTime column = iota
	columnPID
	columnComm
	columnSource
	columnTarget
	columnState
	columnCause
	columnInitiator
	columnDuration
	columnSent
	columnReceived
	columnDetail
)

// columns are as wide as their usual cells. A wider cell pushes the next ones until they have room again.
var columns = [...]struct {
	name  string
	width int // 0: the last
}{
	{"TIME", 8}, {"PID", 8}, {"COMM", 16}, {"SADDR:SPORT", 21}, {"DADDR:DPORT", 21}, {"STATE", 12}, {"CAUSE", 19},
	{"INITIATOR", 9}, {"DURATION", 8}, {"SENT", 8}, {"RECEIVED", 8}, {"DETAIL", 0},
}

// frameIndent is printed before each frame of a stack.
const frameIndent = 8

// row builds lines in a buffer that it reuses.
type row struct {
	bytes []byte
	at    int // characters on this line
}

func (r *row) reset() { r.bytes, r.at = r.bytes[:0], 0 }

func (r *row) cell(c column, s string) { r.painted(c, s, nil) }

// painted writes a cell at its column's place, or one space after the last cell if that is already past it.
func (r *row) painted(c column, s string, paint *color.Color) {
	place := 0
	for _, before := range columns[:c] {
		place += before.width + 1
	}
	if s == "" {
		return
	}
	if r.at > 0 {
		r.pad(max(place-r.at, 1))
	}
	r.put(s, paint)
}

// after writes s right after the last cell.
func (r *row) after(s string) {
	if s != "" {
		r.pad(1)
		r.put(s, nil)
	}
}

func (r *row) put(s string, paint *color.Color) {
	r.at += utf8.RuneCountInString(s)
	if paint != nil {
		s = paint.Sprint(s)
	}
	r.bytes = append(r.bytes, s...)
}

func (r *row) pad(n int) {
	r.bytes = append(r.bytes, strings.Repeat(" ", n)...)
	r.at += n
}

func (r *row) end() {
	r.bytes = append(r.bytes, '\n')
	r.at = 0
}

// header names the columns, and the zone of the times.
func (r *row) header(paint *color.Color, zone string) {
	for c := range columns {
		name := columns[c].name
		if column(c) == columnTime {
			name += " " + zone
		}
		r.painted(column(c), name, paint)
	}
	r.end()
}

func (r *row) frame(s string) {
	r.pad(frameIndent)
	r.put(s, nil)
	r.end()
}
