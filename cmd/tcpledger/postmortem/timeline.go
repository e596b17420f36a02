// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"errors"
	"time"

	"tcpledger/console/picture"
	"tcpledger/internal/report"
	"tcpledger/internal/text"
	"tcpledger/query"
)

// Slot is the endings of one cause in the slot that begins at From.
type Slot struct {
	From    time.Time `json:"from"`
	Cause   string    `json:"cause"`
	Endings uint64    `json:"endings"`
}

// Timeline is endings over time, in slots of so many seconds.
type Timeline struct {
	Seconds int    `json:"slot_seconds"`
	Slots   []Slot `json:"slots"`
}

func timeline(ctx context.Context, a *asked) (report.Section, error) {
	slot := picture.SlotOf(a.Window)
	rates, err := a.client.Rates(ctx, a.Window, a.Filter, int(slot/time.Second))
	if errors.As(err, new(*query.AgedError)) && slot < time.Minute {
		slot = time.Minute // as fine as sums are
		rates, err = a.client.Rates(ctx, a.Window, a.Filter, int(slot/time.Second))
	}
	if err != nil {
		return report.Section{}, err
	}
	data := Timeline{Seconds: int(slot / time.Second), Slots: []Slot{}}
	for _, r := range rates {
		data.Slots = append(data.Slots, Slot{time.Unix(r.Slot, 0).In(a.Zone), r.Cause, r.Endings})
	}
	out := report.Section{Data: data}
	if len(rates) > 0 {
		out.Picture = picture.Timeline(rates, a.Window, slot, a.Zone)
		out.Tables = []report.Table{overTime(rates, a.Window, slot, a.Zone)}
	}
	return out, nil
}

// overTime has a line of blocks for each cause: as high as its slot is against the highest of that cause.
func overTime(rates []query.Rate, w query.Window, slot time.Duration, zone *time.Location) report.Table {
	t := report.Table{Columns: append(report.Words("cause"), report.Column{Name: "highest"}, report.Column{Name: "at", Words: true},
		report.Column{Name: "each column " + text.Duration(slot), Words: true})}
	layout := time.TimeOnly
	if w.Length() > 24*time.Hour {
		layout = "2006-01-02 15:04"
	}
	for _, l := range picture.Sparks(rates, w, slot) {
		t.Rows = append(t.Rows, []string{l.Cause, dot(l.Highest), time.Unix(l.At, 0).In(zone).Format(layout), l.Blocks})
	}
	return t
}
