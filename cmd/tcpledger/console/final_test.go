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

// Two machines of one name are named on the page, of now and of then, and each is known by itself.
func TestPageNamesMachinesOfOneName(t *testing.T) {
	ch, db := tables.Start(t)
	for _, c := range []struct{ boot, ago string }{{"1", "60"}, {"2", "55"}, {"1", "1"}, {"2", "40"}} {
		require.NoError(t, db.Exec(t.Context(), "INSERT INTO tcpledger.checkpoints (at, host, boot_id, session, phase, received_at) SELECT now64(6) - "+c.ago+", 'web-3', '"+
			c.boot+"1111111-0000-0000-0000-000000000000', "+c.boot+", 'periodic', now64(6) - "+c.ago))
	}
	base := serve(t, ch, kafkaBroker(t))
	const named = "two machines call themselves web-3: boots 11111111-0000-0000-0000-000000000000 and 21111111-0000-0000-0000-000000000000 report at the same time"
	page := shows(t, base, named)
	require.Contains(t, page, "<b>web-3 (boot 21111111-0000-0000-0000-000000000000)</b> is not known after")
	shows(t, base+"/?from=-10m&to=-1s", named)
}

// Who opened a connection stands below who used it last, if that is another one, whatever it is called.
func TestPageShowsWhoOpenedAConnection(t *testing.T) {
	ch, db := tables.Start(t)
	require.NoError(t, db.Exec(t.Context(), `INSERT INTO tcpledger.connections (closed_at, host, session, stream, seq, cause, owner_comm, owner_pid, opener_comm, opener_pid, opener_how, received_at) VALUES
		('2026-11-02 14:01:00', 'web-1', 7, 4, 1, 'peer_close', 'curl', 322, '<b>sh', 322, 'connect', now64(6)), ('2026-11-02 14:01:01', 'web-1', 7, 4, 2, 'peer_close', 'worker', 402, 'nginx', 400, 'read', now64(6)),
		('2026-11-02 14:01:02', 'web-1', 7, 4, 3, 'peer_close', 'alone', 500, 'alone', 500, 'connect', now64(6))`))
	page := shows(t, serve(t, ch, kafkaBroker(t))+"/?host=web-1&from=2026-11-02T14:00:00Z&to=2026-11-02T14:05:00Z", "Latest endings")
	require.Contains(t, page, `<td class="owner">curl [322]<br><small>opened by &lt;b&gt;sh [322]</small>`)
	require.Contains(t, page, `<td class="owner">worker [402]<br><small>first used by nginx [400]</small>`)
	require.Contains(t, page, "<td class=\"owner\">alone [500]\n")
}
