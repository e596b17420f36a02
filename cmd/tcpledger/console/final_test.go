// SPDX-License-Identifier: Apache-2.0

package console

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/test/tables"
)

// A window that is over is final while the tables hold each promised number. A row that is gone is said.
func TestPageOfAWindowTakesTheAudit(t *testing.T) {
	ch, db := tables.Start(t)
	tables.Fill(t, db)
	base := serve(t, ch, kafkaBroker(t))
	const window = "/?host=web-1&from=2026-11-02T14:00:00Z&to=2026-11-02T14:05:00Z"
	shows(t, base+window, "final: the tables hold every number that the checkpoints of this window promise")

	require.NoError(t, db.Exec(t.Context(), "DELETE FROM tcpledger.connections WHERE host = 'web-1' AND stream = 4 AND seq = 7"))
	page := shows(t, base+window, "1 number is in no table, the last that were promised; stream 4, 7 to 7")
	require.NotContains(t, page, "final: ")
}
