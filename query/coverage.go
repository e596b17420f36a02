// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"time"

	"tcpledger/schema"
)

// Coverage says how much of a window a host's checkpoints vouch for. Boot is "" but for a machine that shares its name with another: each
// of them has its own coverage. Last is its last checkpoint, the zero of Unix time if there is none. Phase "end" means that its agent
// ended in order then. Sessions has the first and the last checkpoint of each session that touches the window, in the order of the first.
type Coverage struct {
	Host     string        `ch:"host"`
	Boot     string        `ch:"boot"`
	Last     time.Time     `ch:"last"`
	Phase    string        `ch:"phase"`
	Sessions [][]time.Time `ch:"sessions"`
}

// Name is the host's name, with its boot if another machine has that name too.
func (c Coverage) Name() string {
	if c.Boot == "" {
		return c.Host
	}
	return c.Host + " (boot " + c.Boot + ")"
}

// Never reports whether the host has no checkpoint near the window.
func (c Coverage) Never() bool { return c.Last.Unix() <= 0 }

// Ended reports whether the host's agent ended in order: nothing more is to come.
func (c Coverage) Ended() bool { return c.Phase == schema.CheckpointEnd }

// Gaps are the parts of the window before the last checkpoint that no session's checkpoints cover: no agent ran, or it died with
// what it held. A host without a checkpoint has no gaps: nothing of it is known yet.
func (c Coverage) Gaps(w Window) []Window {
	from, to := w.From, w.To
	if c.Last.Before(to) {
		to = c.Last
	}
	var gaps []Window
	gap := func(until time.Time) {
		if until.After(from) {
			gaps = append(gaps, Window{from, until})
		}
	}
	for _, session := range c.Sessions {
		first, last := session[0], session[1]
		gap(first)
		if last.After(from) {
			from = last
		}
	}
	gap(to)
	return gaps
}

// Coverage says for each host how much of the window its checkpoints vouch for, the least covered first. It looks at the
// checkpoints up to a day before and after the window. Hosts that have endings and no checkpoint are in the answer too. Machines that share
// a name in the window, as SharedNames says, do not cover for each other: each boot is by itself.
func (c *Client) Coverage(ctx context.Context, w Window, f Filter, shared []SharedName) ([]Coverage, error) {
	checkpoints := &condition{parts: []string{"at >= " + paramFrom + " - INTERVAL 1 DAY AND at < " + paramTo + " + INTERVAL 1 DAY"}, parameters: w.parameters()}
	checkpoints.text("host", f.Host)
	checkpoints.parameters["shared"] = namesAtOnce(shared)
	return ask[Coverage](ctx, c, Question{"coverage of each host", fmt.Sprintf(`SELECT toString(host) AS host, boot, max(until) AS last, toString(argMax(ended, until)) AS phase,
    arraySort(groupArrayIf([since, until], until >= %s AND since < %s)) AS sessions
FROM
(
    SELECT host, if(has({shared:Array(String)}, host), toString(boot_id), '') AS boot, min(at) AS since, max(at) AS until, argMax(phase, at) AS ended
    FROM %s
    WHERE %s
    GROUP BY host, boot_id, session
    UNION ALL
    SELECT DISTINCT host, '' AS boot, toDateTime64(0, 6, 'UTC') AS since, since AS until, '' AS ended
    FROM %s
    WHERE %s AND NOT has({shared:Array(String)}, host)
)
GROUP BY host, boot
ORDER BY last, host, boot
LIMIT %d`, paramFrom, paramTo, c.table("checkpoints"), checkpoints, c.table("connections"), within("closed_at", w).text("host", f.Host), maxRows), checkpoints.parameters})
}
