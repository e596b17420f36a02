// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/kafka/kafkatest"
	"tcpledger/query"
	"tcpledger/schema"
	"tcpledger/test/lab"
	past "tcpledger/test/storms"
	"tcpledger/test/tables"
	"tcpledger/test/wait"
)

// happened is a storm that was made: where, and what explains it.
type happened struct {
	storm
	namespaces []uint64
	factor     string
}

// spaces are its network namespaces in SQL.
func (h *happened) spaces() string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(h.namespaces)), ", "), "[]")
}

// TestStorms makes storms on real sockets. Most are found by the views themselves while the test waits; each of all is then found in a
// past of its own, with the factor that the test knows, and nothing beside it.
func TestStorms(t *testing.T) {
	c := newChain(t, kafkatest.Start(t))
	_, db := tables.Make(t, c.clickhouse, schema.Database)
	world := &past.World{TB: t, DB: db}
	begun := time.Now()
	world.Ordinary(begun.Add(-100*time.Minute), begun, past.Load{Rate: 200, Night: 1, Seed: 3, Own: "e2e", Port: 443, Power: 10})
	world.SumUp(begun.Add(-100*time.Minute), begun)
	world.Find(begun.Add(-80*time.Minute), begun)
	c.startAgent(append(slices.Clone(roomy), "--budget", "reset_sent=0", "--budget", "drop=0", "--budget", "error=0")...)

	var all []happened
	made := func(s storm) happened {
		l := lab.New(t)
		h := happened{s, []uint64{l.A.Cookie(t), l.B.Cookie(t)}, ""}
		h.factor = s.make(t, l)
		all = append(all, h)
		return h
	}
	for _, s := range storms() {
		made(s)
	}
	c.holdsAllBefore(time.Now())
	c.findsLive(all, begun)
	require.NoError(t, db.Exec(t.Context(), "SYSTEM STOP VIEWS"))
	found, right, invented := 0, 0, 0
	for i, h := range all {
		t.Run(h.name, func(t *testing.T) {
			storms := c.of(t).alone(h, fmt.Sprintf("made_%d", i))
			at := slices.IndexFunc(storms, func(s query.Storm) bool { return departed(&s, h.what) })
			if assert.GreaterOrEqual(t, at, 0, "not found: %+v", storms) {
				found++
				if assert.Equal(t, h.factor, factor(&storms[at]), "%+v", storms[at]) {
					right++
				}
				invented += len(storms) - 1
				assert.Len(t, storms, 1, "one storm was made")
			}
		})
	}
	fmt.Printf("STORMS\tmade %d\tfound %d\tright factor %d\tinvented %d\n", len(all), found, right, invented)
}

func departed(s *query.Storm, what string) bool {
	return slices.ContainsFunc(s.Departed, func(d query.Departure) bool { return d.What == what })
}

func factor(s *query.Storm) string {
	if len(s.Factors) == 0 {
		return "none"
	}
	return s.Factors[0].Dimension + " " + s.Factors[0].Value
}

// maxFound bounds how long the views of a busy machine may take; an idle one takes one to two minutes at most.
const maxFound = 2 * wait.Long

// findsLive waits until the views have found what departed in each storm and what it is made of, as far as they can while all of them are
// in one database: it has no past of the ports of the others.
func (c *chain) findsLive(all []happened, begun time.Time) {
	c.t.Helper()
	client := query.New(c.db, schema.Database, time.Minute)
	var missing []happened
	for _, h := range all {
		if h.what != "early_closes" && h.what != "late_closes" {
			missing = append(missing, h)
		}
	}
	require.Eventually(c.t, func() bool {
		storms, err := client.Storms(c.t.Context(), query.Window{From: begun.Add(-time.Minute), To: time.Now().Add(time.Minute)})
		missing = slices.DeleteFunc(missing, func(h happened) bool {
			found := err == nil && slices.ContainsFunc(storms, func(s query.Storm) bool { return departed(&s, h.what) && len(s.Factors) > 0 })
			if found {
				fmt.Printf("FOUND\t%s\t%s after its first ending\n", h.name, time.Since(c.first(h)).Round(time.Second))
			}
			return found
		})
		return len(missing) == 0
	}, maxFound, time.Second, "these are not found: %v", &missing)
}

// first is the time of a storm's first ending.
func (c *chain) first(h happened) (at time.Time) {
	c.t.Helper()
	require.NoError(c.t, c.db.QueryRow(c.t.Context(), fmt.Sprintf("SELECT min(closed_at) FROM tcpledger.connections WHERE netns_cookie IN (%s)", h.spaces())).Scan(&at))
	return at
}

// holdsAllBefore waits for a checkpoint of a later time, which comes after all rows before it.
func (c *chain) holdsAllBefore(at time.Time) {
	c.t.Helper()
	later := uint64(at.Add(time.Second).UnixMicro())
	require.Eventually(c.t, func() bool {
		return c.count("SELECT toUInt64(max(toUnixTimestamp64Micro(at))) FROM tcpledger.checkpoints WHERE host = 'e2e'") > later
	}, wait.Long, 200*time.Millisecond)
}

// alone gives the storms that are found if this one stands in an ordinary time: its own rows, in a database of its own.
func (c *chain) alone(h happened, database string) []query.Storm {
	c.t.Helper()
	spaces := h.spaces()
	var first, last time.Time
	require.NoError(c.t, c.db.QueryRow(c.t.Context(), fmt.Sprintf("SELECT min(closed_at), max(closed_at) FROM tcpledger.connections WHERE netns_cookie IN (%s)", spaces)).Scan(&first, &last))
	var paths map[string]uint64
	var port uint16
	require.NoError(c.t, c.db.QueryRow(c.t.Context(), fmt.Sprintf("SELECT mapFromArrays(groupArray(toString(cause)), groupArray(stack)), toUInt16(any(port)) FROM (SELECT cause, topK(1)(stack_id)[1] AS stack, max(service_port) AS port FROM tcpledger.connections WHERE netns_cookie IN (%s) GROUP BY cause)", spaces)).Scan(&paths, &port))

	_, db := tables.Make(c.t, c.clickhouse, database)
	w := &past.World{TB: c.t, DB: db}
	w.Exec("SYSTEM STOP VIEWS")
	w.Ordinary(first.Add(-100*time.Minute), last.Add(5*time.Minute), past.Load{Rate: 200, Night: 1, Seed: 5, Own: "e2e", Port: port, Power: h.power, Paths: paths})
	for _, table := range []string{"connections", "events"} {
		w.Exec(fmt.Sprintf("INSERT INTO %s.%s SELECT * FROM tcpledger.%[2]s WHERE netns_cookie IN (%s)", database, table, spaces))
	}
	w.Exec(fmt.Sprintf("INSERT INTO %s.stacks SELECT * FROM tcpledger.stacks", database))
	w.SumUp(first.Add(-100*time.Minute), last.Add(5*time.Minute))
	w.Find(first.Add(-10*time.Minute), first) // what is ordinary is tried elsewhere
	for at := first; at.Before(last.Add(4 * time.Minute)); at = at.Add(time.Minute) {
		require.NoError(c.t, db.LookForStorms(c.t.Context(), at))
	}
	return w.Storms(first.Add(-80*time.Minute), last.Add(5*time.Minute))
}
