// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"
	"strings"

	"tcpledger/schema"
)

// Pending is what Migrate would do.
type Pending struct {
	Steps []schema.Migration // that were not applied, in order
	Views []schema.View      // that are missing, older or different
}

// Empty reports whether there is nothing to do.
func (p Pending) Empty() bool { return len(p.Steps) == 0 && len(p.Views) == 0 }

// Pending compares the database with this program: everything is pending when it does not exist. It changes nothing. The
// error is an UnfitError for a server that is too old, a NewerError for a database of a newer program.
func (db *DB) Pending(ctx context.Context) (Pending, error) {
	if err := db.Supported(ctx); err != nil {
		return Pending{}, err
	}
	steps, err := schema.Migrations(db.target())
	if err != nil {
		return Pending{}, err
	}
	applied, err := db.applied(ctx)
	if err != nil {
		return Pending{}, err
	}
	for step, name := range applied {
		if int(step) > len(steps) {
			return Pending{}, &NewerError{Database: db.Name, Known: len(steps), Step: step, Name: name}
		}
	}
	var p Pending
	for _, m := range steps {
		if _, ok := applied[uint32(m.Step)]; !ok {
			p.Steps = append(p.Steps, m)
		}
	}
	p.Views, err = db.staleViews(ctx)
	return p, err
}

// applied has the names of the applied steps.
func (db *DB) applied(ctx context.Context) (map[uint32]string, error) {
	var exists uint64
	err := db.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = ? AND name = ?", db.Name, schema.MigrationsTable).Scan(&exists)
	if err != nil {
		return nil, fmt.Errorf("look for the migrations: %w", err)
	}
	steps := map[uint32]string{}
	if exists == 0 {
		return steps, nil
	}
	var rows []struct {
		Step uint32 `ch:"step"`
		Name string `ch:"name"`
	}
	if err := db.Select(ctx, &rows, "SELECT step, name FROM "+db.Name+"."+schema.MigrationsTable); err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	for _, r := range rows {
		steps[r.Step] = r.Name
	}
	return steps, nil
}

func (db *DB) staleViews(ctx context.Context) ([]schema.View, error) {
	views, err := schema.Views(db.target())
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Name    string `ch:"name"`
		Comment string `ch:"comment"`
	}
	if err := db.Select(ctx, &rows, "SELECT name, comment FROM system.tables WHERE database = ?", db.Name); err != nil {
		return nil, fmt.Errorf("look for the views: %w", err)
	}
	comments := map[string]string{}
	for _, r := range rows {
		comments[r.Name] = r.Comment
	}
	var stale []schema.View
	for _, v := range views {
		if v.Stale(comments[v.Name]) {
			stale = append(stale, v)
		}
	}
	return stale, nil
}

// Migrate does what is pending and then checks that the tables are as this program needs them. done, when not nil, hears of
// each step and view after it was applied. Statements are idempotent: a run that was cut short is repeated. One program
// migrates at a time, the others wait for it. The error is an UnfitError when a repetition cannot help.
func (db *DB) Migrate(ctx context.Context, done func(what string)) error {
	if done == nil {
		done = func(string) {}
	}
	pending, err := db.Pending(ctx)
	if err != nil {
		return err
	}
	if !pending.Empty() {
		if err := db.migrate(ctx, done); err != nil {
			return err
		}
	}
	return db.Verify(ctx)
}

func (db *DB) migrate(ctx context.Context, done func(what string)) error {
	unlock, err := db.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	pending, err := db.Pending(ctx) // another program may have done it
	if err != nil {
		return err
	}
	for _, m := range pending.Steps {
		if err := db.apply(ctx, m); err != nil {
			return fmt.Errorf("migration %d (%s): %w", m.Step, m.Name, err)
		}
		done(fmt.Sprintf("step %d: %s", m.Step, m.Name))
	}
	views, err := db.staleViews(ctx) // a step may have made or dropped one
	if err != nil {
		return err
	}
	for _, v := range views {
		if err := db.exec(ctx, v.SQL); err != nil {
			return fmt.Errorf("view %s: %w", v.Name, err)
		}
		done("view " + v.Name)
	}
	return nil
}

func (db *DB) apply(ctx context.Context, m schema.Migration) error {
	for _, statement := range m.Statements {
		if err := db.run(ctx, statement); err != nil {
			return err
		}
	}
	record := fmt.Sprintf("INSERT INTO %s.%s (step, name) VALUES (?, ?)", db.Name, schema.MigrationsTable)
	if err := db.Exec(ctx, record, uint32(m.Step), m.Name); err != nil {
		return fmt.Errorf("record it: %w", err)
	}
	return nil
}

// run runs a statement as often as its query says.
func (db *DB) run(ctx context.Context, s schema.Statement) error {
	if s.ForEach == "" {
		return db.exec(ctx, s.SQL)
	}
	var rows []struct {
		Each string `ch:"each"`
	}
	err := db.Select(ctx, &rows, "SELECT toString(c1) AS each FROM ("+s.ForEach+") AS q(c1)")
	if err != nil && Code(err) != unknownTable {
		return fmt.Errorf("%s: %w", s.ForEach, err)
	}
	for _, r := range rows {
		if err := db.exec(ctx, strings.NewReplacer("{each}", r.Each, "{quoted each}", schema.Quote(r.Each)).Replace(s.SQL)); err != nil {
			return err
		}
	}
	return nil
}

// unknownTable is UNKNOWN_TABLE.
const unknownTable = 60

func (db *DB) exec(ctx context.Context, statement string) error {
	if err := db.Exec(ctx, statement); err != nil {
		head, _, _ := strings.Cut(statement, "\n")
		return fmt.Errorf("%s: %w", head, err)
	}
	return nil
}
