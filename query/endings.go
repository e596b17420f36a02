// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Totals counts a window's endings.
type Totals struct {
	Endings        uint64 `ch:"endings" json:"endings"`
	Hosts          uint64 `ch:"hosts" json:"hosts"`
	ResetsSent     uint64 `ch:"resets_sent" json:"resets_sent"`
	ResetsReceived uint64 `ch:"resets_received" json:"resets_received"`
	ClocksOff      uint64 `ch:"clocks_off" json:"clocks_off"` // endings of hosts whose clock was more than an hour off
}

// Totals counts the endings of the window.
func (c *Client) Totals(ctx context.Context, w Window, f Filter) (Totals, error) {
	need := cellColumns{[]string{"host", "reset"}, []string{"clocks_off"}}
	where := f.endings(w)
	p, err := c.planned(ctx, ofEndings, w, where, need, 0)
	if err != nil {
		return Totals{}, err
	}
	if p != nil {
		with, cells, parameters := p.sql(c, need)
		return one[Totals](ctx, c, Question{"totals", fmt.Sprintf(`%s
SELECT sum(cells.endings) AS endings, uniqExact(host) AS hosts,
    sumIf(cells.endings, reset = 'sent') AS resets_sent, sumIf(cells.endings, reset = 'received') AS resets_received,
    sum(cells.clocks_off) AS clocks_off
FROM
(
%s
) AS cells`, with, cells), parameters})
	}
	return one[Totals](ctx, c, Question{"totals", fmt.Sprintf(`SELECT count() AS endings, uniqExact(host) AS hosts,
    countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    countIf(clock_off) AS clocks_off
FROM %s
WHERE %s`, c.table("connections"), where), where.parameters})
}

// Counts is what is counted of a group of endings. MedianUS is nil if every connection of the group began before the agent. If it is
// Rough it comes from a rollup's histogram and is right within a factor of the square root of two; all else is exact.
type Counts struct {
	Endings        uint64            `ch:"endings" json:"endings"`
	ResetsSent     uint64            `ch:"resets_sent" json:"resets_sent"`
	ResetsReceived uint64            `ch:"resets_received" json:"resets_received"`
	MedianUS       *float64          `ch:"median_us" json:"median_us"` // of the connections' durations
	Rough          bool              `ch:"rough" json:"median_rough,omitempty"`
	Sent           uint64            `ch:"sent" json:"bytes_sent"`
	Received       uint64            `ch:"received" json:"bytes_received"`
	Causes         map[string]uint64 `ch:"causes" json:"causes"`
	Local          uint64            `ch:"local" json:"initiator_local"` // endings in which this host moved first
	Peer           uint64            `ch:"peer" json:"initiator_peer"`
	Kernel         uint64            `ch:"kernel" json:"initiator_kernel"`
	Unknown        uint64            `ch:"unknown" json:"initiator_unknown"`
	Groups         uint64            `ch:"groups" json:"-"` // all groups of the question, of which the answer has the largest
}

// counted are the columns of Counts.
const counted = `count() AS endings,
    countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    medianDeterministic(duration_us, conn) AS median_us, false AS rough,
    sum(bytes_sent) AS sent, sum(bytes_received) AS received,
    sumMap(map(toString(cause), toUInt64(1))) AS causes,
    countIf(initiator = 'local') AS local, countIf(initiator = 'peer') AS peer,
    countIf(initiator = 'kernel') AS kernel, countIf(initiator = 'unknown') AS unknown,
    count() OVER () AS groups`

// CauseCount is how often a cause was seen.
type CauseCount struct {
	Cause string
	Count uint64
}

// TopCauses lists the causes of the group, the most frequent first.
func (c *Counts) TopCauses() []CauseCount {
	out := make([]CauseCount, 0, len(c.Causes))
	for cause, n := range c.Causes {
		out = append(out, CauseCount{cause, n})
	}
	slices.SortFunc(out, func(a, b CauseCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Cause, b.Cause))
	})
	return out
}

// Group is the endings that have the same values in the dimensions asked for. Key holds those values, in the same order.
type Group struct {
	Key []string `ch:"key" json:"-"`
	Counts
}

// Endings counts endings by the dimensions, the top most frequent groups.
func (c *Client) Endings(ctx context.Context, w Window, f Filter, top int, by ...Dimension) ([]Group, error) {
	g, err := group(by, EndingDimensions())
	if err != nil {
		return nil, err
	}
	need := counts(g.columns...)
	where := f.endings(w)
	p, err := c.planned(ctx, ofEndings, w, where, need, 0)
	if err != nil {
		return nil, err
	}
	if p != nil {
		with, cells, parameters := p.sql(c, need)
		return ask[Group](ctx, c, Question{"endings by " + g.name, fmt.Sprintf(`%s,
%s
SELECT %s AS key,
    %s
FROM
(
%s
) AS cells
GROUP BY %s
ORDER BY endings DESC, %s
LIMIT %d`, with, median, g.key, countedOf, cells, g.by, g.by, top), parameters})
	}
	return ask[Group](ctx, c, Question{"endings by " + g.name, fmt.Sprintf(`SELECT %s AS key,
    %s
FROM %s
WHERE %s
GROUP BY %s
ORDER BY endings DESC, %s
LIMIT %d`, g.key, counted, c.table("connections"), where, g.by, g.by, top), where.parameters})
}

// Ending is one connection that ended. DurationUS is nil if it began before the agent. Opener is the process that used it first, if that is
// another one than the owner, who used it last; OpenerHow is then how it is known, else empty.
type Ending struct {
	ClosedAt   time.Time  `ch:"closed_at"`
	Host       string     `ch:"host"`
	LocalIP    netip.Addr `ch:"local_ip"`
	LocalPort  uint16     `ch:"local_port"`
	RemoteIP   netip.Addr `ch:"remote_ip"`
	RemotePort uint16     `ch:"remote_port"`
	Role       string     `ch:"side"`
	Cause      string     `ch:"cause"`
	Initiator  string     `ch:"initiator"`
	Reset      string     `ch:"reset"`
	Error      string     `ch:"error"`
	Comm       string     `ch:"comm"`
	PID        uint32     `ch:"pid"`
	Opener     string     `ch:"opener"`
	OpenerPID  uint32     `ch:"opener_process"`
	OpenerHow  string     `ch:"opened_by"`
	DurationUS *uint64    `ch:"duration_us"`
	Sent       uint64     `ch:"sent"`
	Received   uint64     `ch:"received"`
}

// Latest lists the last top endings of the window, the newest first.
func (c *Client) Latest(ctx context.Context, w Window, f Filter, top int) ([]Ending, error) {
	where := f.endings(w)
	return ask[Ending](ctx, c, Question{"latest endings", fmt.Sprintf(`WITH opener_how NOT IN ('', 'unknown') AND (opener_pid != owner_pid OR opener_comm != owner_comm) AS changed_hands
SELECT closed_at, toString(host) AS host, local_ip, local_port, remote_ip, remote_port, toString(role) AS side,
    toString(cause) AS cause, toString(initiator) AS initiator, toString(reset) AS reset, toString(error) AS error,
    toString(owner_comm) AS comm, owner_pid AS pid, if(changed_hands, toString(opener_comm), '') AS opener, if(changed_hands, opener_pid, 0) AS opener_process,
    if(changed_hands, toString(opener_how), '') AS opened_by, duration_us, bytes_sent AS sent, bytes_received AS received
FROM %s
WHERE %s
ORDER BY closed_at DESC, host, stream, seq
LIMIT %d`, c.table("connections"), where, top), where.parameters})
}

// Rate is the endings of one cause in the slot that begins at Slot, in Unix seconds.
type Rate struct {
	Slot    int64  `ch:"slot"`
	Cause   string `ch:"cause"`
	Endings uint64 `ch:"endings"`
}

// Rates counts endings by cause in slots of so many seconds, which begin at multiples of that in Unix time.
func (c *Client) Rates(ctx context.Context, w Window, f Filter, slotSeconds int) ([]Rate, error) {
	need := cellColumns{keys: []string{"cause"}}
	where := f.endings(w)
	p, err := c.planned(ctx, ofEndings, w, where, need, time.Duration(slotSeconds)*time.Second)
	if err != nil {
		return nil, err
	}
	if p != nil {
		with, cells, parameters := p.sql(c, need)
		return ask[Rate](ctx, c, Question{"endings over time", fmt.Sprintf(`%s
SELECT toInt64(intDiv(toUnixTimestamp(at), %d) * %d) AS slot, toString(cause) AS cause, sum(cells.endings) AS endings
FROM
(
%s
) AS cells
GROUP BY slot, cause
ORDER BY slot, cause
LIMIT %d`, with, slotSeconds, slotSeconds, cells, maxRows), parameters})
	}
	return ask[Rate](ctx, c, Question{"endings over time", fmt.Sprintf(`SELECT toInt64(intDiv(toUnixTimestamp(closed_at), %d) * %d) AS slot, toString(cause) AS cause, count() AS endings
FROM %s
WHERE %s
GROUP BY slot, cause
ORDER BY slot, cause
LIMIT %d`, slotSeconds, slotSeconds, c.table("connections"), where, maxRows), where.parameters})
}
