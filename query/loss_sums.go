// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// minLossTime is the shortest window whose losses are read from the rollup: what the checkpoints at its ends cost is spared then.
const minLossTime = 6 * time.Hour

// ofLosses is what losses_5m sums up; its kind hosts counts those that had a checkpoint.
var ofLosses = &subject{table: "checkpoints", time: "at", count: "records", oldest: "losses_5m", and: " AND kind = 'hosts'"}

// lossSums says whether losses_5m answers for the window, and the part of it that whole five minutes fill.
func (c *Client) lossSums(ctx context.Context, w Window) (level, bool) {
	const step = 5 * time.Minute
	l := level{Rollup: rollup("losses_5m"), unit: step, from: w.From.UTC().Add(step - 1).Truncate(step), to: w.To.UTC().Truncate(step)}
	return l, !c.rowsOnly && l.answers() && (w.Length() >= minLossTime || c.aged(ctx, ofLosses, w))
}

// lossesSQL counts as the view losses does: a loss between two checkpoints belongs to the later one, and the first checkpoint after
// the window counts. Rows of the hour before say what a checkpoint adds.
const lossesSQL = `WITH <behind> AS behind,
    arrayDistinct(arrayConcat([toStartOfHour(<from>) - INTERVAL 1 HOUR, toStartOfHour(<from>), toStartOfHour(<begin>), toStartOfHour(<end>) - INTERVAL 1 HOUR, toStartOfHour(<end>),
        toStartOfHour(<to>), toStartOfHour(<to>) + INTERVAL 1 HOUR], arrayMap(b -> toStartOfHour(b), behind), arrayMap(b -> toStartOfHour(b) - INTERVAL 1 HOUR, behind))) AS hours
SELECT toString(host) AS host, kind, cause, toUInt64(sum(lost)) AS records
FROM
(
    SELECT host, toString(kind) AS kind, toString(cause) AS cause, records AS lost
    FROM <database>.losses_5m
    WHERE bucket >= <begin> AND bucket < <end> AND NOT has(behind, bucket) AND kind != 'hosts'
    UNION ALL
    SELECT host, 'numbered' AS kind, toString(cause) AS cause, lost
    FROM <database>.loss
    WHERE at >= <from> AND at < <to> AND (at < <begin> OR at >= <end> OR has(behind, toStartOfFiveMinutes(at)))
    UNION ALL
    SELECT host, 'unnumbered' AS kind, total AS cause,
        toUInt64(greatest(toInt64(plain[total]) - toInt64(if(known > 1, previous[total], if(phase = 'start', 0, plain[total]))), 0)) AS lost
    FROM
    (
        SELECT host, at, phase, totals::Map(String, UInt64) AS plain, lagInFrame(plain) OVER same AS previous, lagInFrame(at) OVER same AS before, row_number() OVER same AS known
        FROM <database>.checkpoints
        WHERE at >= <from> - INTERVAL 1 HOUR AND at < <to> + INTERVAL 1 HOUR AND toStartOfHour(at) IN (SELECT arrayJoin(hours))
        WINDOW same AS (PARTITION BY host, session ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
    ARRAY JOIN mapKeys(plain) AS total
    WHERE at >= <from> AND (at < <to> OR known > 1 AND before < <to>) AND (at < <begin> OR at >= <end> OR has(behind, toStartOfFiveMinutes(at)))
)
<where>
GROUP BY host, kind, cause
HAVING records > 0
ORDER BY records DESC, host, kind, cause
LIMIT <limit>`

// lossesOf is the question about losses that l answers.
func (c *Client) lossesOf(l level, w Window, f Filter) Question {
	parameters := w.parameters()
	parameters[l.Name+"_from"], parameters[l.Name+"_to"] = l.from.Format(time.DateTime), l.to.Format(time.DateTime)
	where := ""
	if f.Host != "" {
		where, parameters["host"] = "WHERE host = {host:String}", textParameter(f.Host)
	}
	sql := lossesSQL
	for name, text := range map[string]string{"<behind>": c.rendered(l.Behind(l.begin(), l.end())), "<from>": paramFrom, "<to>": paramTo, "<begin>": l.begin(), "<end>": l.end(),
		"<where>\n": where + strings.Repeat("\n", min(len(where), 1)), "<database>.": c.table(""), "<limit>": fmt.Sprint(maxRows)} {
		sql = strings.ReplaceAll(sql, name, text)
	}
	return Question{"losses", sql, parameters}
}
