// SPDX-License-Identifier: Apache-2.0

package endings

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/test/lab"
)

func TestMain(m *testing.M) {
	if lab.RunIfActor() {
		return
	}
	m.Run()
}

// The scenarios run. The end-to-end test proves what they expect of the ledger.
func TestScenariosRun(t *testing.T) {
	for _, s := range Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			l := lab.New(t)
			for _, e := range s.Run(t, l) {
				require.True(t, e.Local.IsValid() && e.Remote.IsValid(), "%+v", e)
				require.NotEmpty(t, e.OwnerHow)
			}
		})
	}
}
