// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
)

type stormRow struct {
	Began    time.Time `ch:"began"`
	Ended    time.Time `ch:"ended"`
	Over     bool      `ch:"over"`
	Count    uint64    `ch:"count"`
	Expected float64   `ch:"expected"`
	Departed string    `ch:"departed"`
	Main     string    `ch:"main"`
}

// storms shows what departed in each storm, and the main factor.
func storms(ctx context.Context, c *query.Client, a ask) ([]stormRow, error) {
	found, err := c.Storms(ctx, a.window)
	var out []stormRow
	for i := range found {
		s, main, names := &found[i], "none", []string{}
		for _, d := range s.Departed {
			names = append(names, d.What)
		}
		if len(s.Factors) > 0 {
			main = s.Factors[0].Dimension + " " + s.Factors[0].Value
		}
		out = append(out, stormRow{s.Began, s.Ended, s.Over, s.Records, s.Expected, strings.Join(names, ", "), main})
	}
	return out, err
}

type departureRow struct {
	What    string `ch:"what"`
	Count   uint64 `ch:"count"`
	Peak    uint64 `ch:"peak"`
	Against string `ch:"against"`
	Factors int    `ch:"factors"`
	Frames  string `ch:"frames"` // the first of a path
}

func departures(ctx context.Context, c *query.Client, a ask) ([]departureRow, error) {
	found, err := c.Storms(ctx, a.window)
	var out []departureRow
	for i := range found {
		for j := range found[i].Departed {
			d := &found[i].Departed[j]
			row := departureRow{d.What, d.Records, d.Peak, d.Against, len(d.Factors), ""}
			for _, f := range d.Factors {
				if len(f.Frames) > 0 {
					row.Frames = f.Frames[0]
				}
			}
			out = append(out, row)
		}
	}
	return out, err
}

// A value of a factor is text of others: what is no number is no path, and asks nothing.
func TestAPathThatIsNone(t *testing.T) {
	b := newBench(t, startEngine(t), "hostile")
	require.NoError(t, b.db.Exec(t.Context(), `INSERT INTO hostile.storms (what, began, ended, made_at) VALUES ('refused', '2026-11-02 14:00:00', '2026-11-02 14:01:00', '2026-11-02 15:00:00')`))
	require.NoError(t, b.db.Exec(t.Context(), `INSERT INTO hostile.storm_factors (what, began, factors, made_at) VALUES ('refused', '2026-11-02 14:00:00', [('path', '1\') OR (1 = 1', 1, 1, 0, 1)], '2026-11-02 15:00:00')`))
	found, err := b.client.Storms(t.Context(), query.Window{From: evening.Add(-12 * time.Hour), To: evening})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "1') OR (1 = 1", found[0].Factors[0].Value)
	require.Empty(t, found[0].Factors[0].Frames)
}
