// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// moreOf is what views take beside the window.
var moreOf = map[string]string{
	"q_short_connections": ", shorter_than_ms = 60000",
	"q_idle_connections":  ", idle_s = 0",
	"q_tuple_history":     ", ip = '", // and a peer of the rows
	"q_remote_address":    ", ip = '",
}

// countsAll are views in which each ending of the window is in one row.
var countsAll = []string{"q_timeline", "q_endings_by_cause", "q_endings_by_service", "q_endings_by_owner", "q_endings_by_host", "q_endings_by_peer",
	"q_first_movers", "q_code_paths"}

// requireViewsAnswer wants rows of every view that people ask about a window, from the endings of this run.
func (c *chain) requireViewsAnswer() {
	c.t.Helper()
	var from, to, ip, port string
	ends := "SELECT toString(min(closed_at)), toString(max(closed_at) + toIntervalSecond(1)), toString(any(remote_ip)), toString(any(remote_port)) FROM tcpledger.connections"
	require.NoError(c.t, c.db.QueryRow(c.t.Context(), ends).Scan(&from, &to, &ip, &port))
	views, err := schema.Views(schema.Target{Database: schema.Database})
	require.NoError(c.t, err)
	for _, v := range views {
		if !strings.HasPrefix(v.Name, "q_") {
			continue
		}
		more := moreOf[v.Name]
		if strings.HasSuffix(more, "'") {
			more += ip + "'"
		}
		if v.Name == "q_tuple_history" {
			more += ", port = " + port
		}
		rows := c.count("SELECT count() FROM tcpledger." + v.Name + "(from = '" + from + "', to = '" + to + "'" + more + ")")
		if v.Name == "q_between" { // nothing is between
			require.Zero(c.t, rows)
			continue
		}
		if v.Name == "q_lingering" { // a socket has to linger for a minute
			require.Equal(c.t, c.count("SELECT count() FROM tcpledger.events WHERE kind = 'lingering'") > 0, rows > 0)
			continue
		}
		require.NotZero(c.t, rows, v.Name)
	}
	all := c.count("SELECT count() FROM tcpledger.connections")
	for _, name := range countsAll {
		require.Equal(c.t, all, c.count("SELECT sum(endings) FROM tcpledger."+name+"(from = '"+from+"', to = '"+to+"')"), name)
	}
}
