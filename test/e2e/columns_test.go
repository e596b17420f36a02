// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"strings"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// unfilled are the columns of connections that no ending of the suite fills, each with what does.
var unfilled = map[string]string{
	"container_id":  "a process in a container",
	"k8s_namespace": "a pod",
	"k8s_pod":       "a pod",
	"user_stack_id": "stacks of user space",
	"service":       "a process in a systemd unit",
	"cgroup_how":    "a host with more than one cgroup hierarchy",
	"clock_off":     "a clock that is an hour off",
	"owner_uid":     "a process of another user than root",
}

// requireFilled wants a row, of the labs or of anybody else, that fills each column of connections.
func (c *chain) requireFilled() {
	c.t.Helper()
	var names, filled []string
	for _, column := range schema.Connections().Columns {
		if _, never := unfilled[column.Name]; !never {
			names = append(names, column.Name)
			filled = append(filled, strings.ReplaceAll("countIf(ifNull(X != defaultValueOfTypeName(toTypeName(assumeNotNull(X))), 0)) > 0", "X", column.Name))
		}
	}
	var found []uint8
	require.NoError(c.t, c.db.QueryRow(context.Background(), "SELECT ["+strings.Join(filled, ", ")+"] FROM tcpledger.connections").Scan(&found))
	var empty []string
	for i, name := range names {
		if found[i] == 0 {
			empty = append(empty, name)
		}
	}
	require.Empty(c.t, empty, "columns that no row fills")
}
