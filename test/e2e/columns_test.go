// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"strings"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// unfilled are the columns of connections and events that no ending of the suite fills, each with what does.
var unfilled = map[string]string{
	"old_state":         "state events, which are off",
	"new_state":         "state events, which are off",
	"state_us":          "a socket that stays past ESTABLISHED for a minute",
	"turned_away":       "a listener whose queue is full",
	"aborted":           "a listener whose queue is full, with tcp_abort_on_overflow",
	"syn_cookies":       "a listener with more handshakes than its backlog",
	"queued":            "a listener whose queue is full",
	"backlog":           "a listener whose queue is full",
	"half_open":         "a listener with more handshakes than its backlog",
	"half_open_expired": "a client that answers no SYN-ACK",
	"half_open_reset":   "a client that answers a SYN-ACK with a reset",
	"cookies_sent":      "a listener with more handshakes than its backlog",
	"dsack_dups":        "a peer that gets a segment twice",
	"nat_local_ip":      "a connection that a host translates, with --nat",
	"nat_local_port":    "a connection that a host translates, with --nat",
	"nat_remote_ip":     "a connection that a host translates, with --nat",
	"nat_remote_port":   "a connection that a host translates, with --nat",
	"container_id":      "a process in a container",
	"k8s_namespace":     "a process in a pod",
	"k8s_pod":           "a process in a pod",
	"k8s_pod_uid":       "a process in a pod",
	"user_stack_id":     "stacks of user space",
	"service":           "a process in a systemd unit",
	"cgroup_how":        "a host with more than one cgroup hierarchy",
	"clock_off":         "a clock that is an hour off",
	"owner_uid":         "a process of another user than root",
}

// requireFilled wants a row, of the labs or of anybody else, that fills each column of the table.
func (c *chain) requireFilled(table *schema.Table) {
	c.t.Helper()
	var names, filled []string
	for _, column := range table.Columns {
		if _, never := unfilled[column.Name]; !never {
			names = append(names, column.Name)
			filled = append(filled, strings.ReplaceAll("countIf(ifNull(X != defaultValueOfTypeName(toTypeName(assumeNotNull(X))), 0)) > 0", "X", column.Name))
		}
	}
	var found []uint8
	require.NoError(c.t, c.db.QueryRow(context.Background(), "SELECT ["+strings.Join(filled, ", ")+"] FROM tcpledger."+table.Name).Scan(&found))
	var empty []string
	for i, name := range names {
		if found[i] == 0 {
			empty = append(empty, name)
		}
	}
	require.Empty(c.t, empty, "columns of %s that no row fills", table.Name)
}

// requireEventsLikeTheirConnections wants each event of a connection to have its role and service port.
func (c *chain) requireEventsLikeTheirConnections() {
	c.t.Helper()
	const pairs = " FROM tcpledger.events AS e JOIN tcpledger.connections AS c ON e.host = c.host AND e.session = c.session AND e.conn = c.conn WHERE e.conn != 0"
	require.Positive(c.t, c.count("SELECT count()"+pairs+" AND e.role = 'client'"))
	require.Positive(c.t, c.count("SELECT count()"+pairs+" AND e.role = 'server'"))
	require.Zero(c.t, c.count("SELECT count()"+pairs+" AND (e.role, e.service_port) != (c.role, c.service_port)"))
	require.Zero(c.t, c.count("SELECT count() FROM tcpledger.events WHERE conn = 0 AND role = 'unknown' AND service_port != 0"))
}
