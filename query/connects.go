// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"strings"

	"tcpledger/schema"
)

// FailedConnects is the connections to one address that never came to be, by cause, error and owner. WaitUS is the median of how long
// they waited, nil if none is known.
type FailedConnects struct {
	Cause    string   `ch:"cause" json:"cause"`
	Error    string   `ch:"error" json:"error"`
	RemoteIP string   `ch:"remote" json:"remote_ip"`
	Port     uint16   `ch:"port" json:"service_port"`
	Owner    string   `ch:"owner" json:"owner"`
	Attempts uint64   `ch:"attempts" json:"attempts"`
	Hosts    uint64   `ch:"hosts" json:"hosts"`
	WaitUS   *float64 `ch:"wait_us" json:"median_wait_us"`
	// TurnedAway counts the attempts of the window, whoever made them, that listeners of the address and port turned away
	// because a queue was full. Listeners names them: host and owner.
	TurnedAway uint64   `ch:"turned_away" json:"turned_away"`
	Listeners  []string `ch:"listeners" json:"listeners"`
	Groups     uint64   `ch:"groups" json:"-"` // all groups of the question, of which the answer has the largest
}

// failedCauses are the causes of a connection that never came to be, as a list in SQL.
func failedCauses() string {
	var out []string
	for _, cause := range schema.Causes() {
		if cause.Family() == schema.FamilyConnect {
			out = append(out, schema.Quote(string(cause)))
		}
	}
	return strings.Join(out, ", ")
}

// FailedConnects counts the connections of the window that never came to be, the top most frequent groups.
func (c *Client) FailedConnects(ctx context.Context, w Window, f Filter, top int) ([]FailedConnects, error) {
	if err := c.kept(ctx, ofEndings, w); err != nil {
		return nil, err
	}
	where := f.endings(w)
	rows, err := ask[FailedConnects](ctx, c, Question{"failed connects", fmt.Sprintf(`SELECT toString(cause) AS cause, toString(error) AS error, toString(remote_ip) AS remote, service_port AS port,
    toString(owner_comm) AS owner, count() AS attempts, uniqExact(host) AS hosts, medianDeterministic(duration_us, conn) AS wait_us,
    arraySum(l -> l.3, groupUniqArrayArray(arrayFilter(l -> (l.1, l.4) = (toString(host), boot_id) OR NOT %s, found)) AS full) AS turned_away,
    arraySort(arrayMap(l -> concat(l.1, ' ', l.2), full)) AS listeners, count() OVER () AS groups
FROM
(
    SELECT host, boot_id, cause, error, remote_ip, service_port, owner_comm, duration_us, conn FROM %s
    WHERE %s
      AND cause IN (%s)
) AS ended
LEFT JOIN
(
%s
) AS full_listeners ON ended.remote_ip = full_listeners.ip AND ended.service_port = full_listeners.bound_port
GROUP BY cause, error, remote_ip, service_port, owner_comm
ORDER BY attempts DESC, cause, error, remote_ip, service_port, owner_comm
LIMIT %d`, schema.Loopback("remote_ip"), c.table("connections"), where, failedCauses(), c.fullListeners(), top), where.parameters})
	for i := range rows {
		rows[i].RemoteIP = PlainIP(rows[i].RemoteIP)
	}
	return rows, err
}

// fullListeners is a SELECT of the listeners that turned connections away in the window, as (host, owner, how many, boot) by ip and
// bound_port. One that listens on every address has those that its namespace had in the window.
func (c *Client) fullListeners() string {
	return fmt.Sprintf(`    SELECT ip, bound_port, groupArray((on_host, owned_by, away, on_boot)) AS found
    FROM
    (
        SELECT toString(host) AS on_host, boot_id AS on_boot, (host, boot_id, netns, netns_cookie) AS place, local_ip AS bound_ip, local_port AS bound_port,
            toString(any(owner_comm)) AS owned_by, sum(turned_away) AS away
        FROM %[1]s
        WHERE %[3]s AND kind = 'listener' AND turned_away > 0
        GROUP BY host, boot_id, netns, netns_cookie, local_ip, local_port
    ) AS full_ones
    LEFT JOIN
    (
        SELECT (host, boot_id, netns, netns_cookie) AS place, groupUniqArray(local_ip) AS ips
        FROM
        (
            SELECT host, boot_id, netns, netns_cookie, local_ip FROM %[2]s WHERE %[4]s
            UNION ALL
            SELECT host, boot_id, netns, netns_cookie, local_ip FROM %[1]s WHERE %[3]s AND kind != 'listener'
        )
        GROUP BY place
    ) AS addresses USING (place)
    ARRAY JOIN if(%[5]s, ips, [bound_ip]) AS ip
    GROUP BY ip, bound_port`, c.table("events"), c.table("connections"), contains("at"), contains("closed_at"), schema.EveryAddress("bound_ip"))
}
