// SPDX-License-Identifier: Apache-2.0

// Package storms gives tests of storms a past: rows as an ordinary time leaves them. Its own tests try that nothing is found in them.
package storms

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/query"
	"tcpledger/schema"
)

//go:embed day.sql
var daySQL string

// World is a database whose views do not run by themselves: the test looks as of any moment.
type World struct {
	testing.TB
	DB *clickhouse.DB
}

// Load is what an ordinary time is like.
type Load struct {
	Rate  float64           // endings a minute at noon
	Night float64           // the share of it at midnight
	Seed  uint64            // of the noise
	Own   string            // the fifth host
	Port  uint16            // of the smallest service, a twentieth of the endings
	Power float64           // its connections last two to this power of microseconds at least
	Paths map[string]uint64 // the stacks of endings, by cause
}

// Exec runs a statement.
func (w *World) Exec(sql string) {
	w.Helper()
	require.NoError(w, w.DB.Exec(w.Context(), sql), sql)
}

// Ordinary fills the time with the endings of five hosts, and with the checkpoints that say that they were watched.
func (w *World) Ordinary(from, to time.Time, l Load) {
	w.Helper()
	var paths []string
	for cause, stack := range l.Paths {
		paths = append(paths, fmt.Sprintf("'%s': %d", cause, stack))
	}
	ctx := driver.Context(w.Context(), driver.WithParameters(driver.Parameters{
		"from": from.UTC().Format(time.DateTime), "minutes": fmt.Sprint(int(to.Sub(from).Minutes())), "rate": fmt.Sprint(l.Rate), "night": fmt.Sprint(l.Night),
		"seed": fmt.Sprint(l.Seed), "own": l.Own, "port": fmt.Sprint(l.Port), "power": fmt.Sprint(l.Power), "paths": "{" + strings.Join(paths, ", ") + "}"}))
	require.NoError(w, w.DB.Exec(ctx, strings.Replace(daySQL, "INTO connections", "INTO "+w.DB.Name+".connections", 1)))
	for _, host := range []string{"host-1", "host-2", "host-3", "host-4", l.Own} {
		w.Watched(host, from, to)
	}
}

// Watched writes a host's checkpoints.
func (w *World) Watched(host string, from, to time.Time) {
	w.Helper()
	w.Exec(fmt.Sprintf(`INSERT INTO %s.checkpoints (at, host, session, run, phase, received_at)
SELECT toDateTime64('%s', 6, 'UTC') + 20 * number, '%s', 7, 1, 'periodic', now64(6) FROM numbers(%d)`, w.DB.Name, from.UTC().Format(time.DateTime), host, int(to.Sub(from).Seconds())/20))
}

// SumUp computes the rollups of the time that storms are found in.
func (w *World) SumUp(from, to time.Time) {
	w.Helper()
	for _, r := range schema.Rollups() {
		if !slices.Contains([]string{"closes_1m", "closes_1h", "events_1m"}, r.Name) {
			continue
		}
		require.NoError(w, w.DB.Rebuild(w.Context(), r, from, to, false, func(int, int) {}), r.Name)
	}
}

// Find looks for storms as the views would have in that time.
func (w *World) Find(from, to time.Time) {
	w.Helper()
	require.NoError(w, w.DB.FindStorms(w.Context(), from, to, func(time.Time) {}))
}

// Storms asks for the storms of the time.
func (w *World) Storms(from, to time.Time) []query.Storm {
	w.Helper()
	found, err := query.New(w.DB, w.DB.Name, time.Minute).Storms(w.Context(), query.Window{From: from, To: to})
	require.NoError(w, err)
	return found
}
