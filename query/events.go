// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
)

// EventGroup is the events that have the same values in the dimensions asked for. Key holds those values, in the same order.
// Records counts what a budget skipped too: it is the sum of the events' weights.
type EventGroup struct {
	Key     []string `ch:"key" json:"-"`
	Events  uint64   `ch:"events" json:"events"`
	Records uint64   `ch:"records" json:"records"`
	Hosts   uint64   `ch:"hosts" json:"hosts"`
	Bytes   uint64   `ch:"bytes" json:"payload_bytes"`
	Groups  uint64   `ch:"groups" json:"-"` // all groups of the question, of which the answer has the largest
}

// Events counts events by the dimensions, the top most frequent groups.
func (c *Client) Events(ctx context.Context, w Window, f Filter, top int, by ...Dimension) ([]EventGroup, error) {
	g, err := group(by, EventDimensions())
	if err != nil {
		return nil, err
	}
	where, need := f.events(w), cellColumns{g.columns, []string{"weight", "length", "hosts"}}
	p, err := c.planned(ctx, ofEvents, w, where, need, 0)
	if err != nil {
		return nil, err
	}
	if p != nil {
		with, cells, parameters := p.sql(c, need)
		return ask[EventGroup](ctx, c, Question{"events by " + g.name, fmt.Sprintf(`%s
SELECT %s AS key,
    sum(cells.events) AS events, sum(cells.weight) AS records, uniqExactArray(cells.hosts) AS hosts, sum(cells.length) AS bytes,
    count() OVER () AS groups
FROM
(
%s
) AS cells
GROUP BY %s
ORDER BY events DESC, %s
LIMIT %d`, with, g.key, cells, g.by, g.by, top), parameters})
	}
	return ask[EventGroup](ctx, c, Question{"events by " + g.name, fmt.Sprintf(`SELECT %s AS key,
    count() AS events, sum(weight) AS records, uniqExact(host) AS hosts, sum(length) AS bytes,
    count() OVER () AS groups
FROM %s
WHERE %s
GROUP BY %s
ORDER BY events DESC, %s
LIMIT %d`, g.key, c.table("events"), where, g.by, g.by, top), where.parameters})
}
