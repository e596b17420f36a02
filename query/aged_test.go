// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
)

// When the rows have aged out, the sums answer what they answered before for whole minutes or hours, and a question that they cannot
// answer says so in place of an empty answer.
func TestSumsAnswerWhenRowsAgedOut(t *testing.T) {
	s := startSummed(t, "aged")
	client := query.New(s.db, s.database, time.Minute)
	rows := client.FromRows()
	at := func(text string) time.Time {
		d, err := time.ParseDuration(text)
		require.NoError(t, err)
		return s.day.Add(d)
	}
	five, day := query.Window{From: at("9h10m"), To: at("9h15m")}, query.Window{From: s.day, To: s.day.Add(24 * time.Hour)}
	type answers struct {
		Causes, Owners, Remotes []query.Group
		Events                  []query.EventGroup
		Losses                  []query.Loss
		Rates                   []query.Rate
		Totals                  query.Totals
	}
	ask := func(c *query.Client) (a answers) {
		var errs [7]error
		a.Causes, errs[0] = c.Endings(t.Context(), five, query.Filter{}, 100, query.Cause)
		a.Owners, errs[1] = c.Endings(t.Context(), query.Window{From: at("9h"), To: at("10h")}, query.Filter{Host: "host-1"}, 100, query.Owner)
		a.Remotes, errs[2] = c.Endings(t.Context(), day, query.Filter{}, 100, query.RemoteIP)
		a.Events, errs[3] = c.Events(t.Context(), five, query.Filter{}, 100, query.Kind)
		a.Losses, errs[4] = c.Losses(t.Context(), day, query.Filter{})
		a.Rates, errs[5] = c.Rates(t.Context(), five, query.Filter{Cause: "peer_reset"}, 60)
		a.Totals, errs[6] = c.Totals(t.Context(), day, query.Filter{})
		for i, err := range errs {
			require.NoError(t, err, "question %d", i)
		}
		for _, groups := range [][]query.Group{a.Causes, a.Owners, a.Remotes} {
			require.NotEmpty(t, groups)
			for i := range groups {
				groups[i].MedianUS, groups[i].Rough = nil, false
			}
		}
		return a
	}
	want := ask(rows)
	require.Equal(t, want, ask(client))
	for _, table := range []string{"connections", "events", "checkpoints", "loss"} {
		s.exec(t, "ALTER TABLE {db}."+table+" DROP PARTITION '"+s.day.Format("20060102")+"'") // what ClickHouse does with rows that are too old
	}
	require.Equal(t, want, ask(client))

	var aged *query.AgedError
	_, err := client.Endings(t.Context(), five, query.Filter{Host: "host-1"}, 100, query.Cause) // sums by host are by the hour
	require.ErrorAs(t, err, &aged)
	_, err = client.Endings(t.Context(), day, query.Filter{}, 100, query.Place)
	require.ErrorAs(t, err, &aged)
	_, err = client.Events(t.Context(), day, query.Filter{Host: "host-1"}, 100, query.Kind)
	require.EqualError(t, err, "rows of events that this needs have aged out, and no rollup has it: ask whole hours, or with fewer dimensions and filters (tcpledger retention says how long rows are kept)")

	none := query.Window{From: s.day.AddDate(-1, 0, 0), To: s.day.AddDate(-1, 0, 1)}
	groups, err := client.Endings(t.Context(), none, query.Filter{}, 100, query.Place)
	require.NoError(t, err, "nothing was there")
	require.Empty(t, groups)
}
