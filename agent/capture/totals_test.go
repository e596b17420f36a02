// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// The table of the totals says what a skipped run of each program costs: nothing if a second program makes up for it.
func TestTotalsKnowTheSecondPrograms(t *testing.T) {
	for _, h := range hooks {
		total, ok := schema.FindTotal(schema.TotalRecursionMisses + h.program)
		require.True(t, ok, h.program)
		second := slices.ContainsFunc(hooks, func(other hook) bool { return other.program == h.program+"_missed" })
		require.Equal(t, second, total.Meaning == schema.MadeUp, h.program)
		if strings.HasSuffix(h.program, "_missed") {
			require.Equal(t, schema.Lost, total.Meaning, h.program)
		}
	}
	for _, total := range schema.Totals() {
		program, of := strings.CutPrefix(total.Name, schema.TotalRecursionMisses)
		if of && program != "" && program != seeder.program {
			require.True(t, slices.ContainsFunc(hooks, func(h hook) bool { return h.program == program }), total.Name)
		}
	}
}

// Every total that the kernel side counts has its row in the table.
func TestTotalsAreInTheTable(t *testing.T) {
	c := started(t, DefaultConfig())
	totals, err := c.Totals()
	require.NoError(t, err)
	require.Greater(t, len(totals), len(hooks))
	for name := range totals {
		_, ok := schema.FindTotal(name)
		require.True(t, ok, name)
	}
}
