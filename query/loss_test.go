// SPDX-License-Identifier: Apache-2.0

package query

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

func unnumbered(cause string) Loss { return Loss{Kind: "unnumbered", Cause: cause, Records: 1} }

func TestLosses(t *testing.T) {
	got := losses([]Loss{unnumbered("own_connection"), unnumbered("stacks_taken"), unnumbered("stack_busy"), unnumbered("lost_connection"),
		{Kind: "numbered", Cause: "stacks_taken", Records: 2}, unnumbered("began_before"), unnumbered("of_the_future"), unnumbered("over_budget_drop"),
		unnumbered("recursion_misses_on_state"), unnumbered("recursion_misses_on_state_missed"), unnumbered("errors_filtered")})
	var causes, texts []string
	for _, l := range got {
		_, text := l.Explain()
		causes, texts = append(causes, l.Cause), append(texts, text)
	}
	require.Equal(t, []string{"stacks_taken", "of_the_future", "over_budget_drop", "recursion_misses_on_state_missed", "stack_busy", "own_connection",
		"errors_filtered", "recursion_misses_on_state"}, causes)
	require.Equal(t, []string{"captured and lost", "never numbered", "not recorded: over the budget",
		"not seen: the same program was running on that CPU", "rows without a stack: another was being taken",
		"tcpledger's own traffic", "error reports without an error, and ECONNRESET from an abort by this host",
		"state changes that the second program followed"}, texts)
}

// A second program makes up for the runs that the kernel skipped: only the runs that the second one missed are lost. A read or a
// write that is not seen loses no record.
func TestSkippedRunsThatLoseNoRecord(t *testing.T) {
	for cause, want := range map[string]schema.Meaning{
		"recursion_misses_on_state": schema.MadeUp, "recursion_misses_on_state_missed": schema.Lost,
		"recursion_misses_on_destroy": schema.MadeUp, "recursion_misses_on_destroy_missed": schema.Lost,
		"recursion_misses_on_reset_sent": schema.MadeUp, "recursion_misses_on_reset_sent_missed": schema.Lost,
		"recursion_misses_on_reset_in": schema.MadeUp, "recursion_misses_on_reset_in_missed": schema.Lost,
		"recursion_misses_on_read": schema.Incomplete, "recursion_misses_on_send": schema.Incomplete,
		"recursion_misses_on_drop": schema.Lost, "recursion_misses_of_a_newer_program": schema.Lost,
	} {
		loss := unnumbered(cause)
		got, _ := loss.Explain()
		require.Equal(t, want, got, cause)
	}
}
