// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// sums are what a rollup and its rows must say alike: columns of the rollup, those of the rows, and their table.
var sums = map[string]struct{ rollup, rows, table string }{
	"closes_1m":      {"minute, toString(cause), toString(owner_comm), sum(r.endings), sum(r.bytes_sent)", "toStartOfMinute(closed_at), toString(cause), toString(owner_comm), count(), sum(bytes_sent)", "connections"},
	"causes_1m":      {"minute, toString(cause), toString(reset), sum(r.endings), sum(r.weight)", "toStartOfMinute(closed_at), toString(cause), toString(reset), count(), sum(weight)", "connections"},
	"closes_1h":      {"hour, toString(cause), toString(service), sum(r.endings), sum(r.bytes_received)", "toStartOfHour(closed_at), toString(cause), toString(service), count(), sum(bytes_received)", "connections"},
	"host_closes_1h": {"hour, toString(host), toString(cause), sum(r.endings)", "toStartOfHour(closed_at), toString(host), toString(cause), count()", "connections"},
	"paths_1h":       {"hour, stack_id, sum(r.endings)", "toStartOfHour(closed_at), stack_id, count()", "connections"},
	"peers_1h":       {"remote_ip, hour, toString(role), sum(r.endings), sum(r.retransmits)", "remote_ip, toStartOfHour(closed_at), toString(role), count(), sum(retransmits)", "connections"},
	"events_1m":      {"minute, toString(kind), toString(reason), sum(r.events), sum(r.weight)", "toStartOfMinute(at), toString(kind), toString(reason), count(), sum(weight)", "events"},
	"numbers_1h":     {"hour, toString(host), session, stream, sum(r.shown), sum(r.checksum)", "hour, toString(host), session, stream, count(), sum(cityHash64(boot_id, session, stream, seq))", "numbered"},
}

// requireRollups holds every rollup to the rows: those of minutes as the views keep them, those of hours after a rebuild, since the
// running hour is computed when it is over.
func (c *chain) requireRollups() {
	c.t.Helper()
	for _, r := range schema.Rollups() {
		for _, verb := range []string{"CANCEL", "REFRESH", "WAIT"} {
			require.NoError(c.t, c.db.Exec(c.t.Context(), "SYSTEM "+verb+" VIEW tcpledger."+r.ViewName()))
		}
	}
	list := func(columns, table string) (out string) {
		keys := fmt.Sprintf("SELECT tuple(%s) AS row FROM %s GROUP BY ALL", columns, table)
		require.NoError(c.t, c.db.QueryRow(c.t.Context(), "SELECT toString(arraySort(groupArray(row))) FROM ("+keys+")").Scan(&out))
		return out
	}
	held := func(name string) {
		s, table := sums[name], "tcpledger."+sums[name].table
		if s.table == "numbered" {
			table = `(SELECT toStartOfHour(closed_at) AS hour, host, boot_id, session, stream, seq FROM tcpledger.connections
				UNION ALL SELECT toStartOfHour(at), host, boot_id, session, stream, seq FROM tcpledger.events)`
		}
		want := list(s.rows, table)
		require.NotEqual(c.t, "[]", want, name)
		count := "numbers"
		if s.table != "numbered" {
			count = map[string]string{"connections": "endings", "events": "events"}[s.table]
		}
		require.Equal(c.t, want, list(s.rollup, "(SELECT * FROM tcpledger."+name+" WHERE "+count+" > 0) AS r"), name)
	}
	for _, name := range []string{"closes_1m", "causes_1m", "events_1m"} {
		held(name)
	}
	run(c.t, "tcpledger", "rollups", "--rebuild", "--from", "-1d", "--to", "now", "--clickhouse", c.clickhouse)
	for name := range sums {
		held(name)
	}
}
