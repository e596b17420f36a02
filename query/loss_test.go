// SPDX-License-Identifier: Apache-2.0

package query

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLosses(t *testing.T) {
	unnumbered := func(cause string) Loss { return Loss{Kind: "unnumbered", Cause: cause, Records: 1} }
	got := losses([]Loss{unnumbered("own_connection"), unnumbered("stacks_taken"), unnumbered("stack_busy"), unnumbered("lost_connection"),
		{Kind: "numbered", Cause: "stacks_taken", Records: 2}, unnumbered("began_before"), unnumbered("of_the_future"), unnumbered("over_budget_drop"), unnumbered("recursion_misses_on_state")})
	var causes, texts []string
	for _, l := range got {
		_, text := l.Explain()
		causes, texts = append(causes, l.Cause), append(texts, text)
	}
	require.Equal(t, []string{"stacks_taken", "of_the_future", "over_budget_drop", "recursion_misses_on_state", "stack_busy", "own_connection"}, causes)
	require.Equal(t, []string{"captured and lost", "never numbered", "not recorded: over the budget",
		"not seen: it happened while the same program ran on that CPU", "rows without a stack: another was being taken",
		"tcpledger's own traffic"}, texts)
}
