// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tcpledger/schema"
)

// Refresh is how the view of a rollup is, or of a step of the finding of storms, for which nothing waits. Waiting units got rows since
// they were computed; Lag is the age of the oldest note among them. Rows of the last minute always wait: their notes may be older than
// they are.
type Refresh struct {
	Succeeded *time.Time // nil for never
	Exception string     // of the last refresh, "" if it succeeded
	Waiting   uint64
	Lag       time.Duration
}

// maxSilence is the time after which a view that neither succeeds nor fails is one that fails: a refresh hangs, or none begins.
const maxSilence = 30 * time.Minute

// Trouble says in a line why the view fails, "" if it does not.
func (r *Refresh) Trouble(now time.Time) string {
	switch {
	case r.Exception != "":
		line, _, _ := strings.Cut(r.Exception, "\n")
		return line
	case r.Succeeded != nil && now.Sub(*r.Succeeded) > maxSilence:
		return "no refresh succeeded since " + r.Succeeded.UTC().Format(time.RFC3339)
	}
	return ""
}

// Refreshes says how each rollup and each step of the finding of storms is, by the table's name. One without its view is missing.
func (db *DB) Refreshes(ctx context.Context) (map[string]Refresh, error) {
	var views []struct {
		View      string     `ch:"view"`
		Succeeded *time.Time `ch:"last_success_time"`
		Exception string     `ch:"exception"`
	}
	if err := db.Select(ctx, &views, "SELECT view, last_success_time, exception FROM system.view_refreshes WHERE database = ?", db.Name); err != nil {
		return nil, fmt.Errorf("look at the refreshes: %w", err)
	}
	out := map[string]Refresh{}
	for _, r := range schema.Rollups() {
		for _, v := range views {
			if v.View != r.ViewName() {
				continue
			}
			state := Refresh{Succeeded: v.Succeeded, Exception: v.Exception}
			var seconds int64
			sql := strings.NewReplacer("{db}", db.Name, "{local}", "").Replace(r.Waiting())
			if err := db.QueryRow(ctx, sql).Scan(&state.Waiting, &seconds); err != nil {
				return nil, fmt.Errorf("look at what waits for %s: %w", r.Name, hinted(err))
			}
			state.Lag = time.Duration(seconds) * time.Second
			out[r.Name] = state
		}
	}
	for _, step := range schema.StormSteps() {
		for _, v := range views {
			if v.View == step.ViewName() {
				out[step.Table.Name] = Refresh{Succeeded: v.Succeeded, Exception: v.Exception}
			}
		}
	}
	return out, nil
}
