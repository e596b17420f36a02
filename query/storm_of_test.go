// SPDX-License-Identifier: Apache-2.0

package query

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A server that restarts ends as many connections as its clients see closed, give or take what others do: the storm is the server's.
func TestTheEndThatActedNamesTheStorm(t *testing.T) {
	closed := Departure{What: "peer_close", Records: 295, Expected: 59, Factors: []Factor{{Dimension: "owner", Value: "client"}}}
	restarted := Departure{What: "process_exit", Records: 241, Expected: 6, Factors: []Factor{{Dimension: "host", Value: "web-1"}}}
	s := stormOf([]Departure{closed, restarted})
	require.Equal(t, []string{"process_exit", "peer_close"}, []string{s.Departed[0].What, s.Departed[1].What})
	require.Equal(t, uint64(241), s.Records)
	require.Equal(t, "host", s.Factors[0].Dimension)

	closed.Records = 2000 // of servers that are not ours
	require.Equal(t, "peer_close", stormOf([]Departure{restarted, closed}).Departed[0].What)
}
