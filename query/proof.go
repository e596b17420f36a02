// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"strings"
)

// Proof says of one session whether the tables hold every record that its checkpoints around a window promise. It counts by the
// numbers alone: from the last checkpoint before the window, or 0, to the first at or after its end, or the last there is.
type Proof struct {
	Host       string `ch:"host" json:"host"`
	BootID     string `ch:"boot" json:"boot_id"`
	Session    uint64 `ch:"session" json:"session"`
	Promised   uint64 `ch:"promised" json:"promised"`     // numbers that the checkpoints promise
	Held       uint64 `ch:"held" json:"held"`             // the promised numbers that are in connections, events or loss
	Rejected   uint64 `ch:"rejected" json:"dead_letters"` // the promised numbers that are in a dead letter and in no other table
	Missing    uint64 `ch:"missing" json:"missing"`       // the promised numbers that are in no table
	Twice      uint64 `ch:"twice" json:"twice"`           // how often a promised number is held again
	Incomplete uint32 `ch:"incomplete" json:"incomplete"` // a stream with missing numbers, if Missing is not 0
	Known      bool   `ch:"known" json:"known"`           // a checkpoint vouches for the end of the window, or the agent ended
}

// Complete reports whether the tables hold each promised record exactly once, as a row or as a loss, and no later checkpoint can
// promise more of the window.
func (p *Proof) Complete() bool { return p.Known && p.Held == p.Promised && p.Twice == 0 }

// Proof checks each session that was there in the window, the worst first. A session of which only later checkpoints arrived counts
// as there. It reads all rows of those sessions whatever their time is: its cost grows with their length.
func (c *Client) Proof(ctx context.Context, w Window, f Filter) ([]Proof, error) {
	return ask[Proof](ctx, c, c.proofQuestion(w, f))
}

func (c *Client) proofQuestion(w Window, f Filter) Question {
	host, parameters := "", w.parameters()
	if f.Host != "" {
		host, parameters["host"] = " AND host = {host:String}", textParameter(f.Host)
	}
	sql := proofSQL
	for name, text := range map[string]string{"<from>": paramFrom, "<to>": paramTo, "<host>": host, "<database>.": c.table("")} {
		sql = strings.ReplaceAll(sql, name, text)
	}
	return Question{"completeness of each session", fmt.Sprintf("%s\nLIMIT %d", sql, maxRows), parameters}
}

// proofSQL walks over each stream's numbers in their order. A range is what a row or a loss holds, cut to what is promised; reach is
// the end of all ranges before it. What lies beyond reach is new, and the rest is held twice.
const proofSQL = `WITH promises AS
(
    SELECT host, boot_id, session, stream, maxIf(upto, at < <from>) AS first,
        if(countIf(at >= <to>) > 0, minIf(upto, at >= <to>), max(upto)) AS next
    FROM <database>.checkpoints
    ARRAY JOIN streams AS stream, next_seqs AS upto
    WHERE at >= <from> - INTERVAL 1 DAY AND at < <to> + INTERVAL 1 DAY<host>
    GROUP BY host, boot_id, session, stream
),
sessions AS
(
    SELECT host, boot_id, session, max(at) >= <to> OR argMax(phase, at) = 'end' AS known
    FROM <database>.checkpoints
    WHERE at >= <from> - INTERVAL 1 DAY AND at < <to> + INTERVAL 1 DAY<host>
    GROUP BY host, boot_id, session
    HAVING max(at) >= <from> AND (min(at) < <to> OR argMin(phase, at) != 'start')
),
held AS
(
    SELECT host, boot_id, session, stream, seq AS low, seq AS high, 0 AS dead FROM <database>.connections
    UNION ALL SELECT host, boot_id, session, stream, seq, seq, 0 FROM <database>.events
    UNION ALL SELECT host, boot_id, session, stream, seq_from, seq_to, 0 FROM <database>.loss
    UNION ALL SELECT host, toUUIDOrZero(boot_id), session, stream, low, high, 1 FROM <database>.dead_letters
        ARRAY JOIN streams AS stream, seqs_from AS low, seqs_to AS high
),
ranges AS
(
    SELECT host, boot_id, session, stream, dead, greatest(low, first) AS since, least(high, next - 1) + 1 AS until
    FROM (SELECT * FROM held WHERE session IN (SELECT session FROM sessions)) AS h
    INNER JOIN promises USING (host, boot_id, session, stream)
    WHERE first < next AND low < next AND high >= first AND low <= high
),
walked AS
(
    SELECT *, greatest(since, maxIf(until, dead = 0) OVER before) AS new_since, greatest(since, max(until) OVER before) AS all_since
    FROM ranges
    WINDOW before AS (PARTITION BY host, boot_id, session, stream ORDER BY since, until ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
streams AS
(
    SELECT host, boot_id, session, stream,
        sumIf(until - new_since, dead = 0 AND until > new_since) AS held,
        sumIf(until - all_since, until > all_since) AS everywhere,
        sumIf(until - since, dead = 0) - held AS twice
    FROM walked
    GROUP BY host, boot_id, session, stream
)
SELECT host, toString(boot_id) AS boot, session, known,
    toUInt64(sum(next - first)) AS promised, toUInt64(sum(streams.held)) AS held,
    toUInt64(sum(everywhere - streams.held)) AS rejected, toUInt64(sum(streams.twice)) AS twice,
    toUInt64(sum(next - first - everywhere)) AS missing, anyIf(stream, next - first > everywhere) AS incomplete
FROM sessions
LEFT JOIN promises USING (host, boot_id, session)
LEFT JOIN streams USING (host, boot_id, session, stream)
GROUP BY host, boot_id, session, known
ORDER BY missing DESC, twice DESC, rejected DESC, known, host, session`
