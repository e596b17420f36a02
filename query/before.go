// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"time"
)

// Before is what the connections of one cause went through before their end. Retransmitted counts those that sent a segment again,
// Dropped those of which the kernel dropped a packet, Unanswered those that ended while a timer waited for an answer.
type Before struct {
	Cause         string            `ch:"cause" json:"cause"`
	Endings       uint64            `ch:"endings" json:"endings"`
	Retransmitted uint64            `ch:"retransmitted" json:"retransmitted"`
	Retransmits   uint64            `ch:"retransmits" json:"retransmits"` // segments of all of them
	Dropped       uint64            `ch:"dropped" json:"dropped"`
	Drops         uint64            `ch:"drops" json:"drops"` // packets of all of them that were recorded
	Reasons       map[string]uint64 `ch:"reasons" json:"drop_reasons"`
	Unanswered    uint64            `ch:"unanswered" json:"unanswered"`
}

// DropsBefore is how long before the window drops are looked for.
const DropsBefore = 15 * time.Minute

// BeforeEnd says for each cause how many connections of the window retransmitted, had packets dropped or waited for an answer before
// they ended, the most frequent first. Drops are those with a known socket, from 15 minutes before the window on.
func (c *Client) BeforeEnd(ctx context.Context, w Window, f Filter, top int) ([]Before, error) {
	if err := c.kept(ctx, ofEndings, w); err != nil {
		return nil, err
	}
	where := f.endings(w)
	where.parameters["drops_from"] = timeParameter(w.From.Add(-DropsBefore))
	return ask[Before](ctx, c, Question{"before the end", fmt.Sprintf(`SELECT toString(cause) AS cause, count() AS endings,
    countIf(segments > 0) AS retransmitted, sum(segments) AS retransmits,
    countIf(notEmpty(earlier)) AS dropped, sum(length(earlier)) AS drops,
    sumMap(mapFromArrays(arrayDistinct(earlier) AS reason, arrayMap(r -> toUInt64(countEqual(earlier, r)), reason))) AS reasons,
    countIf(timer_retries > 0 OR probes_out > 0) AS unanswered
FROM
(
    SELECT cause, toUInt64(retransmits) AS segments, timer_retries, probes_out,
        arrayMap(d -> d.2, arrayFilter(d -> d.1 <= closed_at, drops)) AS earlier
    FROM
    (
        SELECT host, boot_id, session, conn, closed_at, cause, retransmits, timer_retries, probes_out
        FROM %s
        WHERE %s
    ) AS ended
    LEFT JOIN
    (
        SELECT host, boot_id, session, conn, groupArray(1000)((at, toString(reason))) AS drops
        FROM %s
        WHERE at >= {drops_from:DateTime64(6, 'UTC')} AND at < %s AND kind = 'drop' AND conn != 0
        GROUP BY host, boot_id, session, conn
    ) AS dropped USING (host, boot_id, session, conn)
)
GROUP BY cause
HAVING retransmitted + dropped + unanswered > 0
ORDER BY retransmitted + dropped DESC, cause
LIMIT %d`, c.table("connections"), where, c.table("events"), paramTo, top), where.parameters})
}
