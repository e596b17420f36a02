// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tcpledger/schema"
)

// A rollup pays if so many whole units of it are in the window; rows answer a shorter one as fast.
var minUnits = map[time.Duration]int{time.Hour: 3, time.Minute: 60}

// level is a rollup and the part of the window that its units fill.
type level struct {
	*schema.Rollup
	unit     time.Duration // of its rows
	from, to time.Time
}

// plan is the rollups that answer a question about connections, the coarsest first. What none of them has comes from the rows.
type plan struct {
	levels []level
	where  *condition
}

// cellColumns are what the sums have beside the keys a question needs.
type cellColumns struct {
	keys     []string
	measures []string
}

// families are the rollups of connections that may answer together, the coarsest first.
var families = [][]string{{"causes_1m"}, {"closes_1h", "closes_1m"}, {"paths_1h"}, {"host_closes_1h"}, {"peers_1h"}}

// planned chooses the first family whose keys have what the question needs and whose units pay. slot is the length of the
// question's slots, 0 if it has none: a unit must not reach into two.
func (c *Client) planned(w Window, f Filter, need cellColumns, slot time.Duration) (plan, bool) {
	if c.rowsOnly {
		return plan{}, false
	}
	keys := slices.Clone(need.keys)
	for column, used := range map[string]bool{"host": f.Host != "", "cause": f.Cause != "", "remote_ip": f.Remote.IsValid()} {
		if used {
			keys = append(keys, column)
		}
	}
	all := schema.Rollups()
	for _, family := range families {
		p := plan{where: f.endings(w)}
		for _, name := range family {
			i := slices.IndexFunc(all, func(r *schema.Rollup) bool { return r.Name == name })
			if l := levelOf(all[i], w); has(all[i], keys, need.measures) && slot%l.unit == 0 && l.pays() {
				p.levels = append(p.levels, l)
			}
		}
		if len(p.levels) > 0 {
			return p, true
		}
	}
	return plan{}, false
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

// pays reports whether the level spares enough rows.
func (l level) pays() bool {
	return l.to.Sub(l.from) >= time.Duration(minUnits[l.unit])*l.unit
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

func (l level) begin() string { return "{" + l.Name + "_from:DateTime('UTC')}" }
func (l level) end() string   { return "{" + l.Name + "_to:DateTime('UTC')}" }

// contains is the condition that the level answers for a time: moment is an expression for the begin of its unit, and behind for that
// of what is made anew together.
func (l level) contains(moment, group string) string {
	return fmt.Sprintf("%[1]s >= %[2]s AND %[1]s < %[3]s AND NOT has(behind_%[4]s, %[5]s)", moment, l.begin(), l.end(), l.Name, group)
}

// sql is a WITH and a SELECT of cells: the keys, the unit's time as at, and the measures that the question needs. Each ending of
// the window is in one cell: that of the coarsest level that has it, or of its row.
func (p plan) sql(c *Client, need cellColumns) (with, cells string, parameters map[string]string) {
	parameters = maps.Clone(p.where.parameters)
	filter := p.where.parts[1:] // the first is the window
	columns := strings.Join(slices.Concat(need.keys, []string{"endings"}, need.measures), ", ")
	var behind, parts, coarser []string
	for _, l := range p.levels {
		parameters[l.Name+"_from"], parameters[l.Name+"_to"] = l.from.Format(time.DateTime), l.to.Format(time.DateTime)
		behind = append(behind, c.rendered(l.Behind(l.Unit+"("+l.begin()+")", l.end()))+" AS behind_"+l.Name)
		own := slices.Concat([]string{l.contains(l.column(), l.Time())}, filter)
		for _, above := range coarser {
			own = append(own, "NOT ("+strings.ReplaceAll(above, "closed_at", "minute")+")")
		}
		parts = append(parts, fmt.Sprintf("SELECT %s AS at, %s FROM %s WHERE %s AND endings > 0", l.column(), columns, c.table(l.Name), strings.Join(own, " AND ")))
		moment := map[time.Duration]string{time.Hour: "toStartOfHour(closed_at)", time.Minute: "toStartOfMinute(closed_at)"}[l.unit]
		coarser = append(coarser, l.contains(moment, l.Unit+"(closed_at)"))
	}
	last := p.levels[len(p.levels)-1]
	spread := "arrayJoin(behind_" + last.Name + ")"
	if last.unit == time.Hour {
		spread += " + 300 * arrayJoin(range(12))"
	}
	rows := slices.Concat(p.where.parts, []string{fmt.Sprintf("(closed_at < %s OR closed_at >= %s OR toStartOfFiveMinutes(closed_at) IN (SELECT %s))", last.begin(), last.end(), spread)})
	for _, above := range coarser {
		rows = append(rows, "NOT ("+above+")")
	}
	root := last
	for source := root.Chained(); source != nil; source = source.Chained() {
		root.Rollup = source
	}
	parts = append(parts, "SELECT "+root.column()+" AS at, "+columns+" FROM ("+c.rendered(root.Cells("connections", strings.Join(rows, "\n  AND ")))+")")
	return "WITH " + strings.Join(behind, ",\n"), strings.Join(parts, "\nUNION ALL\n"), parameters
}

// rendered fills in the database.
func (c *Client) rendered(sql string) string {
	return strings.NewReplacer("{db}", "`"+c.database+"`", "{local}", "").Replace(sql)
}

// median is a WITH for countedOf: the powers of two that durations reach, and how many reach each at most.
const median = `arraySort(mapKeys(mapFilter((k, v) -> k < 255, sumMap(cells.durations)))) AS powers,
arrayCumSum(arrayMap(k -> sumMap(cells.durations)[k], powers)) AS reached`

// countedOf are the columns of Counts from cells. The median is the middle of its power of two.
const countedOf = `sum(cells.endings) AS endings,
    sumIf(cells.endings, reset = 'sent') AS resets_sent, sumIf(cells.endings, reset = 'received') AS resets_received,
    if(empty(powers), NULL, exp2(powers[arrayFirstIndex(n -> 2 * n >= reached[-1], reached)] + 0.5)) AS median_us, true AS rough,
    sum(cells.bytes_sent) AS sent, sum(cells.bytes_received) AS received,
    sumMap(map(toString(cause), cells.endings)) AS causes,
    sumIf(cells.endings, initiator = 'local') AS local, sumIf(cells.endings, initiator = 'peer') AS peer,
    sumIf(cells.endings, initiator = 'kernel') AS kernel, sumIf(cells.endings, initiator = 'unknown') AS unknown,
    count() OVER () AS groups`

// counts are the columns that countedOf needs, beside those of a grouping.
func counts(keys ...string) cellColumns {
	keys = slices.Concat(keys, []string{"cause", "reset", "initiator"})
	slices.Sort(keys)
	return cellColumns{slices.Compact(keys), []string{"bytes_sent", "bytes_received", "durations"}}
}
