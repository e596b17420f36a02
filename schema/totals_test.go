// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The view of losses leaves out only totals that count no loss. The questions decide about all others by the table.
func TestTheViewLeavesOutNoLoss(t *testing.T) {
	leftOut := regexp.MustCompile(`total NOT IN \(([^)]*)\)`)
	views, err := Views(oneServer)
	require.NoError(t, err)
	for _, view := range views {
		for _, list := range leftOut.FindAllString(view.SQL, -1) {
			for _, quoted := range regexp.MustCompile(`'[a-z_]+'`).FindAllString(list, -1) {
				total, ok := FindTotal(quoted[1 : len(quoted)-1])
				require.True(t, ok, quoted)
				require.Equal(t, Info, total.Meaning, quoted)
			}
		}
	}
	require.NotEmpty(t, Totals())
}
