// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"context"

	"tcpledger/query"
)

func resent(ctx context.Context, c *query.Client, a ask) ([]query.Resent, error) {
	packets, _, err := c.Resent(ctx, a.window, a.filter, a.top)
	return packets, err
}

func droppers(ctx context.Context, c *query.Client, a ask) ([]query.Dropper, error) {
	_, hosts, err := c.Resent(ctx, a.window, a.filter, a.top)
	return hosts, err
}

// resentOf asks of the first connection of a host's session 7.
func resentOf(ctx context.Context, c *query.Client, a ask) ([]query.Makeup, error) {
	return c.ResentOf(ctx, a.window, query.RowID{Host: a.filter.Host, Session: 7}, 1)
}
