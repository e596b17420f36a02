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
	Groups   uint64   `ch:"groups" json:"-"` // all groups of the question, of which the answer has the largest
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
    count() OVER () AS groups
FROM %s
WHERE %s
  AND cause IN (%s)
GROUP BY cause, error, remote_ip, service_port, owner_comm
ORDER BY attempts DESC, cause, error, remote_ip, service_port, owner_comm
LIMIT %d`, c.table("connections"), where, failedCauses(), top), where.parameters})
	for i := range rows {
		rows[i].RemoteIP = PlainIP(rows[i].RemoteIP)
	}
	return rows, err
}
