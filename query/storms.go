// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"tcpledger/schema"
)

// Storm is something that departed from its own past: one incident from its first minute to its end. Departures of several things at
// one time that have a factor in common are one storm; Departed lists them, the largest excess first, and what an end did before what the other ends saw.
type Storm struct {
	Began    time.Time   `ch:"began" json:"began"`
	Ended    time.Time   `ch:"ended" json:"ended"`   // the end of the last minute that departed
	Over     bool        `ch:"over" json:"over"`     // nothing departed for five minutes when it was last looked at
	Records  uint64      `ch:"records" json:"count"` // of what departed most
	Expected float64     `ch:"expected" json:"expected"`
	Departed []Departure `json:"departed"`
	Factors  []Factor    `json:"factors"` // what it is made of, what explains most first
}

const day = 24 * time.Hour

// Past is the hour that said most clearly what was to be expected when the storm began: the one before it, or the one around that time a
// day or a week earlier.
func (s *Storm) Past() Window {
	const half = 30 * time.Minute
	switch s.Departed[0].Against {
	case "days":
		return Window{s.Began.Add(-day - half), s.Began.Add(-day + half)}
	case "weeks":
		return Window{s.Began.Add(-7*day - half), s.Began.Add(-7*day + half)}
	}
	return Window{s.Began.Add(-2 * half), s.Began}
}

// Departure is one thing that departed from its past: a cause, failed_connects (all causes of a connect() that fails), early_closes and
// late_closes (sooner or later than 98 % of the connections of their service), endings (all of them), reset_sent, reset_received
// or drop.
type Departure struct {
	What     string    `ch:"what" json:"what"`
	Began    time.Time `ch:"began" json:"began"`
	Ended    time.Time `ch:"ended" json:"ended"`
	Records  uint64    `ch:"records" json:"count"`
	Expected float64   `ch:"expected" json:"expected"`
	Over     bool      `ch:"over" json:"over"`
	Peak     uint64    `ch:"peak" json:"peak"`       // in its highest minute
	Against  string    `ch:"against" json:"against"` // the past that expected most: hour (before it), days or weeks (around that hour)
	FoundAt  time.Time `ch:"found_at" json:"found_at"`

	Minutes    map[time.Time]uint64 `ch:"minutes" json:"-"`
	Factors    []Factor             `json:"factors"`
	Dimensions []string             `ch:"dimensions" json:"-"`
	Values     []string             `ch:"values" json:"-"`
	Counts     []uint64             `ch:"counts" json:"-"`
	Shares     []float64            `ch:"shares" json:"-"`
	Befores    []float64            `ch:"befores" json:"-"`
	Explained  []float64            `ch:"explained" json:"-"`
}

// Factor is a part of a storm: the records of its first ten minutes that have the value, their share then and in the five minutes before,
// and the share of the excess that they explain.
type Factor struct {
	Dimension string   `json:"dimension"` // service, owner, port, host, peer (a /24 or /64), path, reason or initiator
	Value     string   `json:"value"`
	Records   uint64   `json:"count"`
	Share     float64  `json:"share"`
	Before    float64  `json:"share_before"`
	Explains  float64  `json:"explains"`
	Frames    []string `json:"frames,omitempty"` // of a path, innermost first, if they have names
}

// Storms lists the storms that touch the window, the largest excess first. They stay when the rows that they were made of age out.
func (c *Client) Storms(ctx context.Context, w Window) ([]Storm, error) {
	rows, err := ask[Departure](ctx, c, Question{"storms", fmt.Sprintf(`SELECT toString(what) AS what, began, ended, s.made_at > ended + INTERVAL 5 MINUTE AS over, records, expected, peak, toString(against) AS against, found_at,
    minutes, factors.dimension AS dimensions, factors.value AS values, factors.records AS counts, factors.share AS shares, factors.share_before AS befores,
    factors.explains AS explained
FROM %s AS s
LEFT JOIN %s AS f USING (began, what)
WHERE ended > %s AND began < %s
ORDER BY began, what`, c.table("storms"), c.table("storm_factors"), paramFrom, paramTo), w.parameters()})
	if err != nil {
		return nil, err
	}
	storms := merged(rows)
	return storms, c.nameFrames(ctx, storms)
}

// nameFrames gives the factors that are code paths the frames of one of their stacks.
func (c *Client) nameFrames(ctx context.Context, storms []Storm) error {
	paths := map[string][]string{}
	eachPath(storms, func(f *Factor) { paths[f.Value] = nil })
	if len(paths) == 0 {
		return nil
	}
	rows, err := ask[struct {
		Path    string   `ch:"path"`
		Symbols []string `ch:"symbols"`
	}](ctx, c, Question{"frames of paths", fmt.Sprintf(`SELECT toString(if(fp = 0, stack_id, fp)) AS path, argMax(symbols, stack_id) AS symbols
FROM %s
WHERE path IN {paths:Array(String)}
GROUP BY path
ORDER BY path`, c.table("stacks")), map[string]string{"paths": "['" + strings.Join(slices.Sorted(maps.Keys(paths)), "', '") + "']"}})
	for _, r := range rows {
		paths[r.Path] = r.Symbols
	}
	eachPath(storms, func(f *Factor) { f.Frames = paths[f.Value] })
	return err
}

// eachPath calls do for each factor that is a code path: a number in digits.
func eachPath(storms []Storm, do func(*Factor)) {
	for i := range storms {
		for j := range storms[i].Departed {
			factors := storms[i].Departed[j].Factors // the storm's are those of the first
			for k := range factors {
				if _, err := strconv.ParseUint(factors[k].Value, 10, 64); factors[k].Dimension == "path" && err == nil {
					do(&factors[k])
				}
			}
		}
	}
}

// merged makes storms of departures.
func merged(rows []Departure) []Storm {
	groups := [][]Departure{}
	for _, d := range rows {
		d.Factors = d.factors()
		together := []Departure{d}
		groups = slices.DeleteFunc(groups, func(g []Departure) bool {
			same := slices.ContainsFunc(g, func(other Departure) bool { return sameStorm(&other, &d) })
			if same {
				together = append(together, g...)
			}
			return same
		})
		groups = append(groups, together)
	}
	var out []Storm
	for _, g := range groups {
		out = append(out, stormOf(g))
	}
	slices.SortStableFunc(out, func(a, b Storm) int { return descending(a.Departed[0].excess(), b.Departed[0].excess()) })
	return out
}

func descending(a, b float64) int {
	switch {
	case a > b:
		return -1
	case a < b:
		return 1
	}
	return 0
}

func stormOf(departed []Departure) Storm {
	slices.SortFunc(departed, func(a, b Departure) int {
		if order := descending(a.excess(), b.excess()); order != 0 {
			return order
		}
		return slices.Compare([]string{a.What}, []string{b.What})
	})
	// The other ends of what happened here depart as much. The end that acted says what the storm is.
	if at := slices.IndexFunc(departed, func(d Departure) bool { return !d.answers() && d.excess() >= nearly*departed[0].excess() }); at > 0 {
		acted := departed[at]
		departed = slices.Insert(slices.Delete(departed, at, at+1), 0, acted)
	}
	first := departed[0]
	s := Storm{Began: first.Began, Ended: first.Ended, Records: first.Records, Expected: first.Expected, Over: true, Departed: departed, Factors: first.Factors}
	for _, d := range departed {
		s.Began, s.Ended, s.Over = earliest(s.Began, d.Began), latest(s.Ended, d.Ended), s.Over && d.Over
	}
	return s
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// nearly is the share of the largest excess from which on a departure may be the other ends of the same connections.
const nearly = 0.9

// answers reports whether what departed is what a peer did.
func (d *Departure) answers() bool {
	return d.What == string(schema.CausePeerClose) || d.What == string(schema.CausePeerReset)
}

// excess is how many there were beyond what was expected.
func (d *Departure) excess() float64 { return float64(d.Records) - d.Expected }

func (d *Departure) factors() []Factor {
	var out []Factor
	for i, dimension := range d.Dimensions {
		out = append(out, Factor{dimension, d.Values[i], d.Counts[i], d.Shares[i], d.Befores[i], d.Explained[i], nil})
	}
	return out
}

// mostly is the share of the excess that a factor explains at least if it says what the storm is.
const mostly = 0.5

// sameStorm reports whether two departures are one incident: at one time, with a factor in common that explains most of both.
func sameStorm(a, b *Departure) bool {
	if a.Began.After(b.Ended) || b.Began.After(a.Ended) {
		return false
	}
	for _, f := range a.Factors {
		switch f.Dimension {
		case "service", "owner", "port", "host", "peer":
			if f.Explains >= mostly && slices.ContainsFunc(b.Factors, func(g Factor) bool {
				return g.Dimension == f.Dimension && g.Value == f.Value && g.Explains >= mostly
			}) {
				return true
			}
		}
	}
	return false
}
