// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// minAuditHours is from how many whole hours on an audit counts by numbers_1h.
const minAuditHours = 3

// summedSQL lists the hours that numbers_1h answers: the rows of the hour are those that it was computed from, by their count and
// their checksum, no record of them shows twice, and no stream's numbers reach out of its promise.
const summedSQL = `WITH <behind> AS behind,
promises AS
(
    SELECT toString(host) AS host, toString(boot_id) AS boot, session, stream, first, next, true AS promised FROM (<promises>)
)
SELECT hour
FROM
(
    SELECT hour, sum(shown) AS held, sum(checksum) AS sum, sum(connections) + sum(events) AS distinct, countIf(promised AND (low < first OR high >= next)) AS cut
    FROM
    (
        SELECT hour, toString(host) AS host, toString(boot_id) AS boot, session, stream, shown, checksum, connections, events, lows[1] AS low, highs[-1] AS high
        FROM <database>.numbers_1h
        WHERE hour >= <begin> AND hour < <end> AND NOT has(behind, hour) AND numbers > 0<host>
    ) AS s
    LEFT JOIN promises USING (host, boot, session, stream)
    GROUP BY hour
) AS sums
INNER JOIN
(
    SELECT hour, sum(n) AS held, sum(hash) AS sum
    FROM (<checks>)
    GROUP BY hour
) AS rows USING (hour)
WHERE sums.held = rows.held AND sums.sum = rows.sum AND sums.held = sums.distinct AND sums.cut = 0
ORDER BY hour`

// checksSQL looks at the rows as they are stored: a row that came again makes its hour differ until a merge drops it.
const checksSQL = `SELECT toStartOfHour(<time>) AS hour, count() AS n, sum(cityHash64(boot_id, session, stream, seq)) AS hash
FROM <database>.<table>
WHERE <time> >= <begin> AND <time> < <end><host>
GROUP BY hour
SETTINGS final = 0`

// numbersSQL gives the numbers of those hours as chunks.
const numbersSQL = `SELECT toString(host) AS host, toString(boot_id) AS boot, session, stream, sum(connections) AS in_connections, sum(events) AS in_events,
    toUInt64(0) AS repeated, toUInt64(0) AS beyond, groupArrayArray(n.lows) AS lows, groupArrayArray(n.highs) AS highs
FROM <database>.numbers_1h AS n
WHERE hour IN ({hours:Array(DateTime('UTC'))}) AND numbers > 0<host>
GROUP BY host, boot_id, session, stream`

// readSums reads the numbers of the whole hours that numbers_1h answers.
func (a *auditor) readSums(ctx context.Context) error {
	near := Window{a.window.From.Add(-nearTime), a.window.To.Add(nearTime)}
	l := levelOf(rollup("numbers_1h"), near)
	if a.everywhere || a.client.rowsOnly || len(a.out.absent) > 0 || l.to.Sub(l.from) < minAuditHours*time.Hour {
		return nil
	}
	var checks []string
	for _, t := range rowTables {
		checks = append(checks, strings.NewReplacer("<table>", t.name, "<time>", t.time).Replace(checksSQL))
	}
	sql := strings.NewReplacer("<checks>", strings.Join(checks, "\nUNION ALL "), "<behind>", a.client.rendered(l.Behind(l.begin(), l.end()))).Replace(summedSQL)
	q := a.question("hours that the sums answer", strings.NewReplacer("<begin>", l.begin(), "<end>", l.end()).Replace(sql), nil)
	q.Parameters[l.Name+"_from"], q.Parameters[l.Name+"_to"] = l.from.Format(time.DateTime), l.to.Format(time.DateTime)
	for h, err := range stream[struct {
		Hour time.Time `ch:"hour"`
	}](ctx, a.client, q) {
		if err != nil {
			return err
		}
		a.hours = append(a.hours, h.Hour.UTC())
	}
	return a.readNumbers(ctx)
}

func (a *auditor) readNumbers(ctx context.Context) error {
	if len(a.hours) == 0 {
		return nil
	}
	texts := make([]string, len(a.hours))
	for i, hour := range a.hours {
		texts[i] = "'" + hour.Format(time.DateTime) + "'"
	}
	q := a.question("numbers of the sums", numbersSQL, nil)
	q.Parameters["hours"] = "[" + strings.Join(texts, ",") + "]"
	a.sums = map[streamKey]*tally{}
	for r, err := range stream[chunk](ctx, a.client, q) {
		if err != nil {
			return err
		}
		key := streamKey{sessionKey{r.Host, r.BootID, r.Session}, r.Stream}
		if p := a.promises[key]; p != nil {
			a.sums[key] = &tally{}
			a.sums[key].add(r, span{p.First, p.Next})
		}
	}
	a.out.Summed = len(a.hours)
	return nil
}

// besides is the condition on a time column of the rows near the window that no sum has: what lies between the hours of the sums.
func (a *auditor) besides(column string) string {
	from, parts := a.window.From.Add(-nearTime), []string{}
	between := func(to time.Time) {
		if from.Before(to) {
			parts = append(parts, fmt.Sprintf("%[1]s >= fromUnixTimestamp64Micro(%[2]d, 'UTC') AND %[1]s < fromUnixTimestamp64Micro(%[3]d, 'UTC')", column, from.UnixMicro(), to.UnixMicro()))
		}
	}
	for _, hour := range a.hours {
		between(hour)
		from = hour.Add(time.Hour)
	}
	between(a.window.To.Add(nearTime))
	if len(parts) == 0 {
		return "0"
	}
	return "(" + strings.Join(parts, "\n        OR ") + ")"
}

// plus adds the numbers of the sums to those of the rows. again says that a number is in two hours: the sums cannot say of which table.
func (c *tally) plus(sums *tally) (again bool) {
	if sums == nil {
		return false
	}
	c.connections += sums.connections
	c.events += sums.events
	rows, twice := union(append(c.rows, sums.rows...))
	c.rows = rows
	return twice > 0
}
