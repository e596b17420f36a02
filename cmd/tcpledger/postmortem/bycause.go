// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"

	"tcpledger/internal/report"
	"tcpledger/query"
)

// Cause is the endings of one cause.
type Cause struct {
	Cause string `json:"cause"`
	query.Counts
}

func byCause(ctx context.Context, a *asked) (report.Section, error) {
	groups, err := a.client.Endings(ctx, a.Window, a.Filter, a.Top, query.Cause)
	var rows []Cause
	for _, g := range groups {
		rows = append(rows, Cause{g.Key[0], g.Counts})
	}
	return report.Section{Data: rows, Tables: grouped("cause", rows, func(c *Cause) *query.Counts { return &c.Counts }, func(c *Cause) string { return c.Cause },
		report.Numbers("1st local", "peer", "kernel", "unknown"),
		func(c *Cause) []string { return []string{dot(c.Local), dot(c.Peer), dot(c.Kernel), dot(c.Unknown)} })}, err
}
