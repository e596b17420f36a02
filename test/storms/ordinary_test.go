// SPDX-License-Identifier: Apache-2.0

package storms

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/schema"
	"tcpledger/test/tables"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// stopped is a new database whose views do not run.
func stopped(t testing.TB) *World {
	t.Helper()
	addr, _ := clickhousetest.Start(t)
	_, db := tables.Make(t, addr, schema.Database)
	w := &World{t, db}
	w.Exec("SYSTEM STOP VIEWS")
	return w
}

// monday is a noon: the installation is new, its first look comes before the first row.
var monday = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// burst writes endings of one cause on a host, so many a minute.
func burst(w *World, host, cause string, from, to time.Time, rate int) {
	w.Helper()
	w.Exec(fmt.Sprintf(`INSERT INTO tcpledger.connections (closed_at, duration_us, host, session, stream, seq, conn, remote_ip, service_port, role, cause, initiator, owner_comm, weight, received_at)
SELECT toDateTime64('%s', 6, 'UTC') + number * %f AS at, 1000, '%s', 9, 0, number, number, toIPv6('::ffff:10.9.9.9'), 7777, 'client', '%s', 'peer', 'joined', 1, at FROM numbers(%d)`,
		from.UTC().Format(time.DateTime), 60/float64(rate), host, cause, int(to.Sub(from).Minutes())*rate))
}

// A day of ordinary load invents nothing: not in the first hour of an installation that begins at full load, not in the evening, the
// quiet night and the morning of a past of less than a day, not by a job of each quarter of an hour, and not when a host joins
// that is unlike the others. What it does would be a storm of a host that was there.
func TestNothingIsInvented(t *testing.T) {
	w := stopped(t)
	end, joined := monday.Add(24*time.Hour), monday.Add(22*time.Hour)
	w.Ordinary(monday, end, Load{Rate: 200, Night: 0.02, Seed: 1, Own: "host-5", Port: 443, Power: 8})
	w.Watched("host-6", joined, end)
	burst(w, "host-6", "peer_reset", joined, end, 90)
	w.SumUp(monday, end)
	w.Find(monday, end)
	for _, s := range w.Storms(monday, end) {
		t.Errorf("invented: %+v", s)
	}
	t.Run("unless the host was there before", func(t *testing.T) {
		w := &World{t, w.DB}
		w.Watched("host-6", joined.Add(-2*time.Hour), joined)
		w.Find(joined, joined.Add(20*time.Minute))
		found := w.Storms(joined, end)
		require.Len(t, found, 1)
		require.Equal(t, "peer_reset", found[0].Departed[0].What)
		require.WithinDuration(t, joined, found[0].Began, 0)
		require.Contains(t, []string{"owner joined", "port 7777", "host host-6"}, found[0].Factors[0].Dimension+" "+found[0].Factors[0].Value)
		t.Logf("%+v", found[0])
	})
}
