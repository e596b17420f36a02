// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
)

func TestNames(t *testing.T) {
	b := newBench(t, startEngine(t), "named")
	names, err := b.client.Names(t.Context())
	require.NoError(t, err)
	find := func(kind, name, of string) query.Name {
		i := slices.IndexFunc(names, func(n query.Name) bool { return n.Kind == kind && n.Name == name && n.Of == of })
		require.GreaterOrEqual(t, i, 0, "%s %s", kind, name)
		return names[i]
	}
	find("table", "connections", "")
	find("column", "closed_at", "connections")
	find("function", "countIf", "")
	require.Equal(t, []string{"from", "ip", "port", "to"}, find("view", "q_tuple_history", "").Parameters)
	require.Equal(t, "table", names[0].Kind)
	for _, n := range names {
		require.NotContains(t, n.Name, "_refresh", "people do not ask what makes the rollups")
	}
}
