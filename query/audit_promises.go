// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"strings"
	"time"
)

// around is how far from the window checkpoints are looked for.
const around = 24 * time.Hour

// promisesSQL reads what the checkpoints promise: those of the hours in {promised} as promises_1h has them, the rest one by one. side
// is 0 before the window, 1 in it, 2 after it.
const promisesSQL = `SELECT toString(host) AS host, toString(boot_id) AS boot, session, stream, maxIf(high, side = 0) AS first,
    if(countIf(side = 2) > 0, minIf(low, side = 2), max(high)) AS next, max(high) AS top,
    argMax(end, last_at) < top OR first > minIf(low, side > 0) AND countIf(side > 0) > 0 OR maxIf(high, side < 2) > next AS falls
FROM
(
    SELECT host, boot_id, session, streams, (hour >= <from>) + (hour >= <to>) AS side, least, most, last, last_at
    FROM <database>.promises_1h
    WHERE hour IN ({promised:Array(DateTime('UTC'))}) AND checkpoints > 0<host>
    UNION ALL
    SELECT host, boot_id, session, streams, (at >= <from>) + (at >= <to>) AS side,
        minForEach(next_seqs) AS least, maxForEach(next_seqs) AS most, argMax(next_seqs, at) AS last, max(at) AS last_at
    FROM <database>.checkpoints
    WHERE at >= <from> - INTERVAL 1 DAY AND at < <to> + INTERVAL 1 DAY AND toStartOfHour(at) NOT IN ({promised:Array(DateTime('UTC'))})<host>
    GROUP BY host, boot_id, session, streams, side
)
ARRAY JOIN streams AS stream, least AS low, most AS high, last AS end
GROUP BY host, boot_id, session, stream`

// promisedSQL lists the whole hours on one side of the window for which promises_1h has the checkpoints that there are now, by their
// count and their checksum.
const promisedSQL = `WITH <behind> AS behind
SELECT hour
FROM
(
    SELECT hour, sum(p.checkpoints) AS held, sum(p.checksum) AS sum
    FROM <database>.promises_1h AS p
    WHERE hour >= <begin> AND hour < <end> AND NOT has(behind, hour) AND p.checkpoints > 0
        AND NOT (hour < <from> AND hour + 3600 > <from>) AND NOT (hour < <to> AND hour + 3600 > <to>)<host>
    GROUP BY hour
) AS sums
INNER JOIN
(
    SELECT toStartOfHour(at) AS hour, count() AS held, sum(cityHash64(boot_id, session, run, at)) AS sum
    FROM <database>.checkpoints
    WHERE at >= <begin> AND at < <end><host>
    GROUP BY hour
) AS rows USING (hour)
WHERE sums.held = rows.held AND sums.sum = rows.sum
ORDER BY hour`

// readPromised reads the hours that promises_1h answers.
func (a *auditor) readPromised(ctx context.Context) error {
	if a.client.rowsOnly {
		return nil
	}
	l := levelOf(rollup("promises_1h"), Window{a.window.From.Add(-around), a.window.To.Add(around)})
	sql := strings.Replace(promisedSQL, "<behind>", a.client.rendered(l.Behind(l.begin(), l.end())), 1)
	q := a.question("hours whose promises are summed up", strings.NewReplacer("<begin>", l.begin(), "<end>", l.end()).Replace(sql), nil)
	q.Parameters[l.Name+"_from"], q.Parameters[l.Name+"_to"] = l.from.Format(time.DateTime), l.to.Format(time.DateTime)
	var hours []string
	for h, err := range stream[struct {
		Hour time.Time `ch:"hour"`
	}](ctx, a.client, q) {
		if err != nil {
			return err
		}
		hours = append(hours, "'"+h.Hour.UTC().Format(time.DateTime)+"'")
	}
	a.promised = strings.Join(hours, ",")
	return nil
}
