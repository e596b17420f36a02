// SPDX-License-Identifier: Apache-2.0

package vocabulary

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// name is how people write a name: in flags, in tables, in SQL.
var name = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func TestKinds(t *testing.T) {
	names, last := map[string]bool{}, uint8(0)
	for _, k := range Kinds {
		require.Regexp(t, name, k.Name)
		require.False(t, names[k.Name], "%s twice", k.Name)
		names[k.Name] = true
		require.Greater(t, k.Number, last, "%s: the numbers ascend", k.Name)
		last = k.Number
		require.NotEmpty(t, k.Doc, k.Name)
		require.NotZero(t, k.From, k.Name)
		if k.Captured() {
			require.Less(t, uint32(k.Number), KindSlots(), k.Name)
			require.Less(t, k.Number, uint8(32), "%s: kinds_enabled of the hooks has a bit a kind", k.Name)
		}
		if k.From != Kernel {
			require.Zero(t, k.Budget, "%s: only hooks have a budget", k.Name)
		}
	}
	require.Equal(t, "connection", Kinds[0].Name)
	require.False(t, Kinds[0].Event())
}

func TestEnumsAndFlagsHaveDistinctNames(t *testing.T) {
	distinct := func(of string, values []Value) {
		seen := map[string]bool{}
		for _, v := range values {
			require.Regexp(t, name, v.Name)
			require.False(t, seen[v.Name], "%s: %s twice", of, v.Name)
			seen[v.Name] = true
		}
	}
	for _, e := range Enums {
		distinct(e.Type, e.Values)
		require.Equal(t, e.Values[0].Name, e.Text(e.First))
		require.Equal(t, "unknown", e.Text(200), "a number of a newer agent")
	}
	require.Equal(t, "unknown", Flavours.Text(0))
	for _, f := range FlagSets {
		distinct(f.Type, f.Values)
	}
	for i, v := range []string{"owned", "file_dead", "exiting"} { // kept of the first FIN in 8 bits
		require.Equal(t, v, Evidence.Values[i].Name)
	}
}

func TestTotals(t *testing.T) {
	seen := map[string]bool{}
	for _, total := range Totals {
		require.False(t, seen[total.Name], "%s twice", total.Name)
		seen[total.Name] = true
		require.NotEmpty(t, total.Text, total.Name)
		require.NotEmpty(t, total.Meaning.String(), total.Name)
		if total.By != ByHookFor {
			found, ok := FindTotal(total.Name)
			require.True(t, ok)
			require.Equal(t, total, found)
		}
	}
	for name, want := range map[string]Meaning{"own_lingering": Filtered, "over_budget_state": Lost, "lost_drop": Info,
		"recursion_misses_on_state": MadeUp, "recursion_misses_on_state_missed": Lost} {
		found, ok := FindTotal(name)
		require.True(t, ok, name)
		require.Equal(t, want, found.Meaning, name)
	}
	for _, name := range []string{"own_", "own_budget", "lost_checkpoint", "of_the_future", ""} {
		_, ok := FindTotal(name)
		require.False(t, ok, name)
	}
}
