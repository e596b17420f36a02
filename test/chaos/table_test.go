// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"tcpledger/query"
	"tcpledger/test/wait"
)

// kindTable sums up the steps with one kind of action.
type kindTable struct {
	times, rows, lost uint64
	recovered         []time.Duration
}

// table shows what was done by kind and what came of it, as docs/audit.md has it.
func (s *stack) table(done []step, audit *query.Audit) string {
	s.t.Helper()
	kinds := map[string]*kindTable{}
	for i := range done {
		rows, lost := s.during(&done[i])
		for _, a := range done[i].actions {
			kind := kinds[a.kind]
			if kind == nil {
				kind = &kindTable{}
				kinds[a.kind] = kind
			}
			kind.times, kind.rows, kind.lost = kind.times+1, kind.rows+rows, kind.lost+lost
			if done[i].recovered >= 0 {
				kind.recovered = append(kind.recovered, done[i].recovered)
			}
		}
	}
	var b strings.Builder
	b.WriteString("| what | times | rows meanwhile | numbers lost, counted | rows again after, median | at most |\n|---|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		k := kinds[name]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %s | %s |\n", name, k.times, k.rows, k.lost, at(k.recovered, 0.5), at(k.recovered, 1))
	}
	total := &audit.Total
	fmt.Fprintf(&b, "\n%d promised: %d connections, %d events, %d in losses (%s); %d missing, %d twice, %d in dead letters. %s. %d steps in %s; %d records replayed.\n",
		total.Promised, total.Connections, total.Events, total.Lost, s.causes(), total.Missing, total.Twice, total.DeadLetters, audit.Verdict,
		len(done), done[len(done)-1].to.Sub(done[0].from).Round(time.Second), s.replay.count)
	return b.String()
}

// at gives a quantile.
func at(all []time.Duration, q float64) string {
	if len(all) == 0 {
		return "–"
	}
	slices.Sort(all)
	return fmt.Sprintf("%.1f s", all[int(q*float64(len(all)-1))].Seconds())
}

// during counts the rows of what happened during a step, and the numbers that became losses then.
func (s *stack) during(one *step) (rows, lost uint64) {
	s.t.Helper()
	const query = `SELECT (SELECT count() FROM tcpledger.connections FINAL WHERE closed_at BETWEEN fromUnixTimestamp64Micro(?) AND fromUnixTimestamp64Micro(?)) +
		(SELECT count() FROM tcpledger.events FINAL WHERE at BETWEEN fromUnixTimestamp64Micro(?) AND fromUnixTimestamp64Micro(?)),
		(SELECT toUInt64(sum(seq_to - seq_from + 1)) FROM tcpledger.loss FINAL WHERE at BETWEEN fromUnixTimestamp64Micro(?) AND fromUnixTimestamp64Micro(?))`
	from, to := one.from.UnixMicro(), one.to.UnixMicro()
	require.NoError(s.t, s.db.QueryRow(s.t.Context(), query, from, to, from, to, from, to).Scan(&rows, &lost))
	return rows, lost
}

// causes lists the losses by cause.
func (s *stack) causes() string {
	s.t.Helper()
	var text string
	require.NoError(s.t, s.db.QueryRow(s.t.Context(), `SELECT arrayStringConcat(groupArray(concat(cause, ' ', toString(n))), ', ') FROM
		(SELECT cause, sum(seq_to - seq_from + 1) AS n FROM tcpledger.loss FINAL GROUP BY cause ORDER BY cause)`).Scan(&text))
	return text
}

// requireRollups waits until the rollups of minutes tell of as many rows as there are.
func requireRollups(t testing.TB, db driver.Conn) {
	t.Helper()
	for view, question := range map[string]string{
		"closes_1m": "SELECT (SELECT sum(endings) FROM tcpledger.closes_1m FINAL), (SELECT count() FROM tcpledger.connections FINAL)",
		"events_1m": "SELECT (SELECT sum(events) FROM tcpledger.events_1m FINAL), (SELECT count() FROM tcpledger.events FINAL)",
	} {
		var rolled, raw uint64
		require.Eventually(t, func() bool {
			err := db.QueryRow(t.Context(), question).Scan(&rolled, &raw)
			return err == nil && rolled == raw
		}, wait.Long, time.Second, "%s has %d of %d", view, &rolled, &raw)
	}
}
