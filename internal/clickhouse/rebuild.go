// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tcpledger/schema"
)

// Rebuild computes the units of a rollup from from up to to anew, as far as its source has rows. A statement computes an hour, which
// bounds what the server holds in memory and what is done again after a stop. done hears after each how many of how many units are done.
// A unit whose count would become less keeps its sums unless shrink is true. A rollup that sums up another is rebuilt after that.
func (db *DB) Rebuild(ctx context.Context, r *schema.Rollup, from, to time.Time, shrink bool, done func(units, of int)) error {
	first, last, err := db.span(ctx, r)
	if err != nil {
		return err
	}
	step := r.Length()
	from, to = later(from, first).Truncate(step), earlier(to, last.Add(1))
	of := int((max(to.Sub(from), 0) + step - 1) / step)
	for units := 0; units < of; {
		var due []string
		for ; len(due) < int(time.Hour/step) && units < of; units++ {
			due = append(due, fmt.Sprintf("toDateTime(%d, 'UTC')", from.Add(time.Duration(units)*step).Unix()))
		}
		if err := db.exec(ctx, r.Rebuild(db.target(), due, shrink)); err != nil {
			return fmt.Errorf("rebuild %s: %w", r.Name, err)
		}
		done(units, of)
	}
	return nil
}

// span is the time of the first and of the last row that the rollup sums up; the first is after the last if there are none.
func (db *DB) span(ctx context.Context, r *schema.Rollup) (first, last time.Time, err error) {
	var rows uint64
	query := fmt.Sprintf("SELECT count(), toDateTime(min(%[1]s), 'UTC'), toDateTime(max(%[1]s), 'UTC') FROM %s.%s SETTINGS final = 0", r.SourceTime(), db.Name, r.SourceTable())
	if err = db.QueryRow(ctx, query).Scan(&rows, &first, &last); err != nil {
		return first, last, fmt.Errorf("look at the rows of %s: %w", r.SourceTable(), err)
	}
	if rows == 0 {
		return time.Unix(1, 0), time.Unix(0, 0), nil
	}
	return first.Truncate(r.Length()), last, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// errNoRetention says that a table's rows are not deleted by age.
var errNoRetention = errors.New("it has no time to delete rows by")
