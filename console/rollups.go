// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/text"
)

const (
	// lookEvery is how long what a look at the rollups found is shown: ClickHouse refreshes them every half minute.
	lookEvery = 15 * time.Second
	// usualLag is behind which no rollup is worth a word: its rows came just now.
	usualLag = 3 * time.Minute
)

// Rollups is the part that keeps the rollups: views of ClickHouse's own. It fails if one of them does, and says how far they are
// behind if that is more than usual. A user who may not see the views learns that from the ingester's health.
func Rollups(db *clickhouse.DB) Part {
	var mu sync.Mutex
	var looked time.Time
	var detail string
	var failed error
	return Part{Name: "Rollups", Check: func(ctx context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(looked) < lookEvery {
			return detail, failed
		}
		states, err := db.Refreshes(ctx)
		if clickhouse.Denied(err) {
			return "not shown to this user", nil
		}
		if err != nil {
			return "", err
		}
		detail, failed, looked = lagging(states), failing(states), time.Now()
		return detail, failed
	}}
}

// failing says which views fail, nil if none does.
func failing(states map[string]clickhouse.Refresh) error {
	var out []string
	for name, state := range states {
		if why := state.Trouble(time.Now()); why != "" {
			out = append(out, name+": "+why)
		}
	}
	if len(out) == 0 {
		return nil
	}
	slices.Sort(out)
	return trouble{strings.Join(out, "; ")}
}

// lagging names the rollup that is behind the most, "" if none is more than usual.
func lagging(states map[string]clickhouse.Refresh) string {
	worst, lag := "", usualLag
	for name, state := range states {
		if state.Lag > lag || state.Lag == lag && name < worst {
			worst, lag = name, state.Lag
		}
	}
	if worst == "" {
		return ""
	}
	return worst + " " + text.Duration(lag) + " behind"
}
