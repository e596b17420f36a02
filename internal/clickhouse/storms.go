// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tcpledger/schema"
)

const (
	// stormStride is the time between two looks into the past: each judges more.
	stormStride = 10 * time.Minute
	// stormPast is what the first look compares with: the hour before what it judges.
	stormPast = time.Hour + schema.JudgedMinutes*time.Minute
)

// FindStorms looks for storms as the views would have at moments from from to to, so that storms are found in rollups that are older
// than the views, or after a time in which they did not run. done hears after each look.
func (db *DB) FindStorms(ctx context.Context, from, to time.Time, done func(at time.Time)) error {
	from = from.Truncate(stormStride)
	for at := from.Add(-stormPast); at.Before(from); at = at.Add(stormStride) {
		if err := db.runStormStep(ctx, &schema.StormSteps()[0], at); err != nil {
			return err
		}
	}
	for at := from; !at.After(to); at = at.Add(stormStride) {
		if err := db.LookForStorms(ctx, at); err != nil {
			return err
		}
		done(at)
	}
	return nil
}

// LookForStorms looks once, as the views would have at a moment.
func (db *DB) LookForStorms(ctx context.Context, at time.Time) error {
	for _, s := range schema.StormSteps() {
		if err := db.runStormStep(ctx, &s, at); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) runStormStep(ctx context.Context, s *schema.StormStep, at time.Time) error {
	if err := db.exec(ctx, s.Insert(db.target(), strconv.FormatInt(at.Unix(), 10))); err != nil {
		return fmt.Errorf("find storms as of %s: %w", at.UTC().Format(time.RFC3339), err)
	}
	return nil
}

// StormsNow says how many more than expected there are so far of each kind that departs from its past now.
func (db *DB) StormsNow(ctx context.Context) (map[string]float64, error) {
	rows, err := db.Query(ctx, strings.NewReplacer("{db}", db.Name, "{local}", "").Replace(schema.StormsNow))
	if err != nil {
		return nil, fmt.Errorf("look at the storms: %w", err)
	}
	out := map[string]float64{}
	for rows.Next() {
		var what string
		var excess float64
		if err = rows.Scan(&what, &excess); err != nil {
			break
		}
		out[what] = excess
	}
	return out, errors.Join(err, rows.Err(), rows.Close())
}
