// SPDX-License-Identifier: Apache-2.0

package console

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tcpledger/internal/text"
	"tcpledger/query"
	"tcpledger/schema"
)

// The chart's window: slots bars of one slot each, the last one over.
const (
	slot  = 10 * time.Second
	slots = 90
)

// The chart's own units; the page stretches it.
const (
	chartHeight = 100.0
	barStep     = 10
	barWidth    = 8
)

// chart is the endings over time, by cause, as bars.
type chart struct {
	Width, Height int
	Bars          []bar
	Legend        []legend
	Top           string // closes a second at the top
	Half          string
	Ticks         []string // times under the chart, left to right
}

type bar struct {
	X, W  int
	Y, H  string
	Class string
	Title string
}

type legend struct {
	Cause, Class, Count string
}

// known are the causes that have a colour.
var known = []schema.Cause{schema.CausePeerClose, schema.CauseLocalClose, schema.CauseLocalShutdown, schema.CauseProcessExit,
	schema.CausePeerReset, schema.CauseCloseUnreadData, schema.CauseLingerAbort, schema.CauseDisconnect, schema.CauseDataAfterClose,
	schema.CauseRefused, schema.CauseUnreachable, schema.CauseConnectTimeout, schema.CauseConnectAbandoned, schema.CauseNoLocalPort,
	schema.CauseRetransmitTimeout, schema.CauseKeepaliveTimeout, schema.CauseZeroWindowTimeout, schema.CauseKilled,
	schema.CauseOutOfMemory, schema.CauseLinger2Timeout, schema.CauseListenerClosed, schema.CauseUnknown}

// rank orders causes from the clean ends at the bottom of a bar upwards; one of a newer version comes last.
func rank(cause string) int {
	if i := slices.Index(known, schema.Cause(cause)); i >= 0 {
		return i
	}
	return len(known)
}

// class is a cause's class in the style sheet. What is in the tables is not trusted to be a name.
func class(cause string) string {
	if rank(cause) == len(known) {
		return "c-other"
	}
	return "c-" + cause
}

// round numbers for the top of the chart.
func roundUp(n float64) float64 {
	for step := 1.0; ; step *= 10 {
		for _, m := range []float64{1, 2, 5} {
			if n <= m*step {
				return m * step
			}
		}
	}
}

func newChart(rates []query.Rate, f query.Filter, zone *time.Location) chart {
	c := chart{Width: slots * barStep, Height: int(chartHeight)}
	totals, sums := map[int64]uint64{}, map[string]uint64{}
	most := uint64(0)
	for _, r := range rates {
		totals[r.Slot] += r.Endings
		sums[r.Cause] += r.Endings
		most = max(most, totals[r.Slot])
	}
	top := roundUp(float64(most) / slot.Seconds())
	c.Top, c.Half = rate(top), rate(top/2)
	c.bars(rates, f, zone, chartHeight/(top*slot.Seconds()))
	c.legend(sums)
	const ticks = 5
	for i := range ticks + 1 {
		c.Ticks = append(c.Ticks, f.From.Add(f.To.Sub(f.From)*time.Duration(i)/ticks).In(zone).Format("15:04"))
	}
	return c
}

func rate(n float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0") }

// bars stacks each slot's causes; unit is the height of one ending.
func (c *chart) bars(rates []query.Rate, f query.Filter, zone *time.Location, unit float64) {
	rates = slices.Clone(rates)
	slices.SortFunc(rates, func(a, b query.Rate) int {
		if a.Slot != b.Slot {
			return int(a.Slot - b.Slot)
		}
		if d := rank(a.Cause) - rank(b.Cause); d != 0 {
			return d
		}
		return strings.Compare(a.Cause, b.Cause)
	})
	first := f.From.Unix()
	below, at := 0.0, int64(0)
	for _, r := range rates {
		n := (r.Slot - first) / int64(slot.Seconds())
		if n < 0 || n >= slots {
			continue
		}
		if r.Slot != at {
			below, at = 0, r.Slot
		}
		height := float64(r.Endings) * unit
		below += height
		c.Bars = append(c.Bars, bar{X: int(n)*barStep + 1, W: barWidth, Y: fmt.Sprintf("%.2f", chartHeight-below), H: fmt.Sprintf("%.2f", height),
			Class: class(r.Cause), Title: fmt.Sprintf("%s  %s: %s", time.Unix(r.Slot, 0).In(zone).Format(time.TimeOnly), r.Cause, text.Count(r.Endings))})
	}
}

func (c *chart) legend(sums map[string]uint64) {
	for cause, n := range sums {
		c.Legend = append(c.Legend, legend{cause, class(cause), text.Count(n)})
	}
	slices.SortFunc(c.Legend, func(a, b legend) int {
		if d := rank(a.Cause) - rank(b.Cause); d != 0 {
			return d
		}
		return strings.Compare(a.Cause, b.Cause)
	})
}
