// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tcpledger/schema"
)

// A rollup pays if so many whole units of it are in the window; rows answer a shorter one as fast, if they are few.
var minUnits = map[time.Duration]int{time.Hour: 3, time.Minute: 60}

const (
	// A window of many rows is answered from minutes if there are so many whole ones.
	minCrowdedMinutes = 5
	// crowd is how many rows in a window are many: two cores take some 20 ms to count them.
	crowd = 100_000
)

// level is a rollup and the part of the window that its units fill.
type level struct {
	*schema.Rollup
	unit     time.Duration // of its rows
	from, to time.Time
	behind   []time.Time // what of it is made together and may lack rows
}

// subject is a table of rows and the rollups that sum it up.
type subject struct {
	table    string
	time     string     // the column of a row's time
	count    string     // the column of the rollups that counts rows
	oldest   string     // the rollup that says how far back the sums go
	and      string     // narrows what of it counts rows
	families [][]string // the rollups that may answer together, the coarsest first
}

var (
	ofEndings = &subject{table: "connections", time: "closed_at", count: "endings", oldest: "causes_1m",
		families: [][]string{{"causes_1m"}, {"closes_1h", "closes_1m"}, {"paths_1h"}, {"host_closes_1h"}, {"peers_1h"}}}
	ofEvents = &subject{table: "events", time: "at", count: "events", oldest: "events_1m", families: [][]string{{"events_1m"}}}
)

// plan is the rollups that answer a question, the coarsest first. What none of them has comes from the rows.
type plan struct {
	*subject
	levels []level
	window Window
	where  *condition
}

// cellColumns are what the sums have beside the keys a question needs.
type cellColumns struct {
	keys     []string
	measures []string
}

// planned chooses the rollups that answer a question; where is its condition. slot is the length of the question's slots, 0 if it has
// none. Without a plan the rows answer. The error is an AgedError if they are gone and no rollup can answer in their place.
func (c *Client) planned(ctx context.Context, s *subject, w Window, where *condition, need cellColumns, slot time.Duration) (*plan, error) {
	if c.rowsOnly {
		return nil, nil
	}
	need.keys = slices.Concat(need.keys, where.columns)
	if p := s.plan(w, where, need, slot, level.pays); p != nil {
		return p, c.lookBehind(ctx, p)
	}
	if p := s.plan(w, where, need, slot, level.spares); p != nil && c.crowded(ctx, p) {
		return p, c.lookBehind(ctx, p)
	}
	if !c.aged(ctx, s, w) {
		return nil, nil
	}
	if p := s.plan(w, where, need, slot, level.answers); p != nil {
		return p, c.lookBehind(ctx, p)
	}
	return nil, &AgedError{s.table}
}

// plan chooses the first family whose keys have what the question needs and whose units are enough. A unit must not reach into two
// slots.
func (s *subject) plan(w Window, where *condition, need cellColumns, slot time.Duration, enough func(level) bool) *plan {
	for _, family := range s.families {
		p := &plan{subject: s, window: w, where: where}
		for _, name := range family {
			r := rollup(name)
			if l := levelOf(r, w); has(r, need.keys, need.measures) && slot%l.unit == 0 && enough(l) {
				p.levels = append(p.levels, l)
			}
		}
		if len(p.levels) > 0 {
			return p
		}
	}
	return nil
}

func rollup(name string) *schema.Rollup {
	all := schema.Rollups()
	return all[slices.IndexFunc(all, func(r *schema.Rollup) bool { return r.Name == name })]
}

// levelOf finds the part of the window that whole units of the rollup fill.
func levelOf(r *schema.Rollup, w Window) level {
	l := level{Rollup: r, unit: time.Minute}
	if r.Time() == "hour" {
		l.unit = time.Hour
	}
	l.from, l.to = w.From.UTC().Truncate(l.unit), w.To.UTC().Truncate(l.unit)
	if l.from.Before(w.From) {
		l.from = l.from.Add(l.unit)
	}
	return l
}

// answers reports whether a unit of the level is in the window.
func (l level) answers() bool { return l.from.Before(l.to) }

// pays reports whether the level spares enough rows.
func (l level) pays() bool {
	return l.to.Sub(l.from) >= time.Duration(minUnits[l.unit])*l.unit
}

// spares reports whether the level spares enough rows if they are many.
func (l level) spares() bool {
	return l.unit == time.Minute && l.to.Sub(l.from) >= minCrowdedMinutes*time.Minute
}

// crowded reports whether the plan's sums are of many rows. If it fails, so does the question itself, which says why.
func (c *Client) crowded(ctx context.Context, p *plan) bool {
	l := &p.levels[0]
	q := Question{"whether rows of " + p.table + " are many", fmt.Sprintf("SELECT sum(r.%s) > %d AS crowded FROM %s AS r WHERE %s AND %s",
		p.count, crowd, c.table(l.Name), l.within(), l.inside(l.column())), map[string]string{}}
	l.bind(q.Parameters)
	answer, err := one[struct {
		Crowded bool `ch:"crowded"`
	}](WithTrace(ctx, func(Question) {}), c, q) // it shows no number
	return err == nil && answer.Crowded
}

// lookBehind asks which units of the plan's levels may lack rows: those come from the rows. It is a question of its own, since the server takes
// longer to understand one with all of this in it than to answer both.
func (c *Client) lookBehind(ctx context.Context, p *plan) error {
	q := Question{Name: "which sums lack rows", Parameters: map[string]string{}}
	var behind []string
	for i := range p.levels {
		l := &p.levels[i]
		l.bind(q.Parameters)
		behind = append(behind, c.rendered(l.Behind(l.Unit+"("+l.begin()+")", l.end())))
	}
	q.SQL = "SELECT [" + strings.Join(behind, ",\n") + "] AS behind"
	answer, err := one[struct {
		Behind [][]time.Time `ch:"behind"`
	}](WithTrace(ctx, func(Question) {}), c, q) // it shows no number
	if err != nil {
		return err
	}
	for i := range p.levels {
		p.levels[i].behind = answer.Behind[i]
	}
	return nil
}

func has(r *schema.Rollup, keys, measures []string) bool {
	for _, name := range keys {
		if !slices.ContainsFunc(r.Keys, func(k schema.Key) bool { return k.Name == name }) {
			return false
		}
	}
	for _, name := range measures {
		if !slices.ContainsFunc(r.Measures, func(m schema.Measure) bool { return m.Name == name }) {
			return false
		}
	}
	return true
}

// column is the time of a row of the level.
func (l level) column() string {
	if l.unit == time.Minute {
		return "minute"
	}
	return "hour"
}

// bind sets the parameters that begin and end stand for.
func (l level) bind(parameters map[string]string) {
	parameters[l.Name+"_from"], parameters[l.Name+"_to"] = l.from.Format(time.DateTime), l.to.Format(time.DateTime)
}

func (l level) begin() string { return "{" + l.Name + "_from:DateTime('UTC')}" }
func (l level) end() string   { return "{" + l.Name + "_to:DateTime('UTC')}" }

// within is the condition that a row of the rollup is made together with one of the level, as its primary key tells.
func (l level) within() string {
	return fmt.Sprintf("%[1]s >= %[2]s(%[3]s) AND %[1]s < %[4]s", l.Time(), l.Unit, l.begin(), l.end())
}

// inside is the condition that a unit that begins at moment is of the level.
func (l level) inside(moment string) string {
	return fmt.Sprintf("%[1]s >= %[2]s AND %[1]s < %[3]s", moment, l.begin(), l.end())
}

// contains is the condition that the level answers for a time: moment is an expression for the begin of its unit, and behind for that
// of what is made anew together.
func (l level) contains(moment, group string) string {
	return fmt.Sprintf("%s AND NOT has(behind_%s, %s)", l.inside(moment), l.Name, group)
}
