// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// Every cause has a colour of its own; a name that is no cause does not become a class.
func TestEveryCauseHasAColour(t *testing.T) {
	css := Palette()
	seen := map[string]schema.Cause{}
	for _, cause := range schema.Causes() {
		require.Contains(t, css, ".c-"+string(cause)+" { color: "+colours[cause]+";")
		require.Regexp(t, `^#[0-9a-f]{6}$`, colours[cause], cause)
		require.Empty(t, seen[colours[cause]], "%s has the colour of another", cause)
		seen[colours[cause]] = cause
		require.Equal(t, "c-"+string(cause), Class(string(cause)))
		require.Equal(t, colours[cause], Colour(string(cause)))
	}
	require.Len(t, colours, len(schema.Causes()))
	require.Contains(t, css, ".c-other {")
	require.Equal(t, "c-other", Class(`x" onload="`))
	require.Equal(t, otherColour, Colour(`x" onload="`))
}
