// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
)

// Lingering is sockets that stayed in a state past ESTABLISHED longer than a minute: connections that their application does not
// close, or whose other end does not answer. LongestUS is the longest time in the state when it was last seen, nil if all of them
// entered it before the agent came.
type Lingering struct {
	State     string  `ch:"state" json:"state"`
	Owner     string  `ch:"owner" json:"owner"`
	Role      string  `ch:"side" json:"role"`
	Port      uint16  `ch:"port" json:"service_port"`
	Sockets   uint64  `ch:"sockets" json:"sockets"`
	Hosts     uint64  `ch:"hosts" json:"hosts"`
	LongestUS *uint64 `ch:"longest_us" json:"longest_us"`
	Groups    uint64  `ch:"groups" json:"-"` // all groups of the question, of which the answer has the largest
}

// Lingering counts the sockets of the window that linger, each once, in the state it was last seen in.
func (c *Client) Lingering(ctx context.Context, w Window, f Filter, top int) ([]Lingering, error) {
	if err := c.kept(ctx, ofEvents, w); err != nil {
		return nil, err
	}
	f.Kind = "lingering"
	where := f.events(w)
	return ask[Lingering](ctx, c, Question{"sockets that linger", fmt.Sprintf(`SELECT last.1 AS state, last.2 AS owner, last.3 AS side, last.4 AS port, count() AS sockets, uniqExact(host) AS hosts,
    max(last.5) AS longest_us, count() OVER () AS groups
FROM
(
    SELECT host, argMax((toString(state), toString(owner_comm), toString(role), service_port, state_us), (at, stream, seq)) AS last
    FROM %s
    WHERE %s
    GROUP BY host, boot_id, netns, netns_cookie, cookie, local_ip, local_port, remote_ip, remote_port
)
GROUP BY state, owner, side, port
ORDER BY sockets DESC, state, owner, side, port
LIMIT %d`, c.table("events"), where, top), where.parameters})
}
