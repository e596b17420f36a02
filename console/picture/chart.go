// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tcpledger/internal/text"
	"tcpledger/query"
)

// maxBars bounds the bars of a chart; a window that begins in the middle of a slot has one more.
const maxBars = 90

// The chart's own units; the page stretches it.
const (
	chartHeight = 100.0
	barStep     = 10
	barWidth    = 8
)

// slots are the lengths that a bar may stand for.
var slots = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour}

// SlotOf is the shortest slot of which at most maxBars fill the window; a window of many years has longer ones.
func SlotOf(w query.Window) time.Duration {
	for _, slot := range slots {
		if w.Length() <= maxBars*slot {
			return slot
		}
	}
	return (w.Length() / maxBars).Truncate(24*time.Hour) + 24*time.Hour
}

// Chart is the endings over time, by cause, as bars.
type Chart struct {
	Width, Height int
	Bars          []Bar
	Legend        []Legend
	Top           string // endings a second at the top
	Half          string
	Ticks         []string // times under the chart, left to right
}

// Bar is the endings of one cause in one slot: where it stands in the chart's units, and what it says.
type Bar struct {
	X, W         int
	Y, H         string
	Cause, Class string
	Title        string
}

// Legend is a cause with its class in the style sheet and how many endings it has in all.
type Legend struct {
	Cause, Class, Count string
}

// roundUp gives 1, 2 or 5 times a power of ten that is not less than n.
func roundUp(n float64) float64 {
	step := 1.0
	for n > 5*step {
		step *= 10
	}
	for n <= step/2 && n > 0 {
		step /= 10
	}
	for _, m := range []float64{1, 2, 5} {
		if n <= m*step {
			return m * step
		}
	}
	return 10 * step
}

// NewChart draws the rates of the window, which are counted in slots of that length.
func NewChart(rates []query.Rate, w query.Window, slot time.Duration, zone *time.Location) Chart {
	c := Chart{Width: barCount(w, slot) * barStep, Height: int(chartHeight)}
	totals, sums := map[int64]uint64{}, map[string]uint64{}
	highest := uint64(0)
	for _, r := range rates {
		totals[r.Slot] += r.Endings
		sums[r.Cause] += r.Endings
		highest = max(highest, totals[r.Slot])
	}
	top := 1.0
	if highest > 0 {
		top = roundUp(float64(highest) / slot.Seconds())
	}
	c.Top, c.Half = rate(top), rate(top/2)
	c.bars(rates, w, slot, zone, chartHeight/(top*slot.Seconds()))
	c.legend(sums)
	const ticks = 5
	for i := range ticks + 1 {
		c.Ticks = append(c.Ticks, w.From.Add(w.Length()*time.Duration(i)/ticks).In(zone).Format(tickLayout(w)))
	}
	return c
}

// firstSlot is the beginning of the slot that the window begins in.
func firstSlot(w query.Window, slot time.Duration) int64 {
	seconds := int64(slot / time.Second)
	return w.From.Unix() / seconds * seconds
}

// barCount is how many slots the window touches.
func barCount(w query.Window, slot time.Duration) int {
	touched := w.To.Add(-1).Unix() - firstSlot(w, slot)
	return int(touched/int64(slot/time.Second)) + 1
}

func tickLayout(w query.Window) string {
	switch {
	case w.Length() > 48*time.Hour:
		return "01-02 15:04"
	case w.Length() < 5*time.Minute:
		return "15:04:05"
	}
	return "15:04"
}

// rate writes endings a second with the digits that they need.
func rate(n float64) string {
	if n >= 1 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0")
	}
	return fmt.Sprintf("%.2g", n)
}

// bars stacks each slot's causes; unit is the height of one ending.
func (c *Chart) bars(rates []query.Rate, w query.Window, slot time.Duration, zone *time.Location, unit float64) {
	rates = slices.Clone(rates)
	slices.SortFunc(rates, func(a, b query.Rate) int {
		return cmp.Or(cmp.Compare(a.Slot, b.Slot), cmp.Compare(Rank(a.Cause), Rank(b.Cause)), strings.Compare(a.Cause, b.Cause))
	})
	first, count := firstSlot(w, slot), int64(barCount(w, slot))
	below, at := 0.0, int64(0)
	for _, r := range rates {
		n := (r.Slot - first) / int64(slot/time.Second)
		if r.Slot < first || n >= count {
			continue
		}
		if r.Slot != at {
			below, at = 0, r.Slot
		}
		height := float64(r.Endings) * unit
		below += height
		c.Bars = append(c.Bars, Bar{X: int(n)*barStep + 1, W: barWidth, Y: fmt.Sprintf("%.2f", chartHeight-below), H: fmt.Sprintf("%.2f", height),
			Cause: r.Cause, Class: Class(r.Cause), Title: fmt.Sprintf("%s  %s: %s", time.Unix(r.Slot, 0).In(zone).Format(titleLayout(slot)), r.Cause, text.Count(r.Endings))})
	}
}

func titleLayout(slot time.Duration) string {
	if slot >= time.Hour {
		return "2006-01-02 15:04"
	}
	return time.TimeOnly
}

func (c *Chart) legend(sums map[string]uint64) {
	for cause, n := range sums {
		c.Legend = append(c.Legend, Legend{cause, Class(cause), text.Count(n)})
	}
	slices.SortFunc(c.Legend, func(a, b Legend) int {
		return cmp.Or(cmp.Compare(Rank(a.Cause), Rank(b.Cause)), strings.Compare(a.Cause, b.Cause))
	})
}
