// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// sql is a WITH and a SELECT of cells: the keys, the unit's time as at, and the measures that the question needs. Each row of
// the window is in one cell: that of the coarsest level that has it, or of its row.
func (p *plan) sql(c *Client, need cellColumns) (with, cells string, parameters map[string]string) {
	parameters = maps.Clone(p.where.parameters)
	filter := p.where.parts[1:] // the first is the window
	columns := strings.Join(slices.Concat(need.keys, []string{p.count}, need.measures), ", ")
	var behind, parts, coarser []string
	for _, l := range p.levels {
		l.bind(parameters)
		parameters["behind_"+l.Name] = times(l.behind)
		behind = append(behind, "{behind_"+l.Name+":Array(DateTime('UTC'))} AS behind_"+l.Name)
		own := slices.Concat([]string{l.within(), l.contains(l.column(), l.Time())}, filter)
		for _, above := range coarser {
			own = append(own, "NOT ("+strings.ReplaceAll(above, p.time, "minute")+")")
		}
		parts = append(parts, fmt.Sprintf("SELECT %s AS at, %s FROM %s WHERE %s AND %s > 0", l.column(), columns, c.table(l.Name), strings.Join(own, " AND "), p.count))
		moment := map[time.Duration]string{time.Hour: "toStartOfHour", time.Minute: "toStartOfMinute"}[l.unit]
		coarser = append(coarser, l.contains(moment+"("+p.time+")", l.Unit+"("+p.time+")"))
	}
	if rows := p.rest(coarser); rows != "" {
		last := p.levels[len(p.levels)-1]
		root := last
		for source := root.Chained(); source != nil; source = source.Chained() {
			root.Rollup = source
		}
		parts = append(parts, "SELECT "+root.column()+" AS at, "+columns+" FROM ("+c.rendered(root.Cells(p.table, rows))+")")
	}
	return "WITH " + strings.Join(behind, ",\n"), strings.Join(parts, "\nUNION ALL\n"), parameters
}

// rest is the condition of the rows that no level has, empty if there can be none. covered are conditions that a level has a row.
func (p *plan) rest(covered []string) string {
	last := p.levels[len(p.levels)-1]
	var left []string
	if p.window.From.Before(last.from) {
		left = append(left, p.time+" < "+last.begin())
	}
	if p.window.To.After(last.to) {
		left = append(left, p.time+" >= "+last.end())
	}
	if len(last.behind) > 0 {
		left = append(left, "toStartOfFiveMinutes("+p.time+") IN (SELECT "+last.spread()+")")
	}
	if len(left) == 0 {
		return ""
	}
	rows := slices.Concat(p.where.parts, []string{"(" + strings.Join(left, " OR ") + ")"})
	for _, above := range covered {
		rows = append(rows, "NOT ("+above+")")
	}
	return strings.Join(rows, "\n  AND ")
}

// spread is the five minutes that are behind, a row for each.
func (l level) spread() string {
	out := "arrayJoin(behind_" + l.Name + ")"
	if l.unit == time.Hour {
		out += " + 300 * arrayJoin(range(12))"
	}
	return out
}

// times are an array's elements as a parameter.
func times(all []time.Time) string {
	quoted := make([]string, len(all))
	for i, t := range all {
		quoted[i] = "'" + t.UTC().Format(time.DateTime) + "'"
	}
	return "[" + strings.Join(quoted, ",") + "]"
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
