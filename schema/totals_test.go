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
	for _, migration := range Migrations(Database) {
		for _, statement := range migration.Statements {
			for _, list := range leftOut.FindAllString(statement, -1) {
				for _, quoted := range regexp.MustCompile(`'[a-z_]+'`).FindAllString(list, -1) {
					total, ok := FindTotal(quoted[1 : len(quoted)-1])
					require.True(t, ok, quoted)
					require.Equal(t, Info, total.Meaning, quoted)
				}
			}
		}
	}
	require.NotEmpty(t, Totals())
}
