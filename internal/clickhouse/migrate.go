// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/cenkalti/backoff/v5"

	"tcpledger/internal/program"
	"tcpledger/schema"
)

// DB is a connection for queries and the database they mean. Statements name their tables with the database: it may not
// exist yet when the connection is made.
type DB struct {
	driver.Conn
	Name string

	user, password string
}

// maxWait is the longest pause between two tries.
const maxWait = 5 * time.Second

// Wait returns once ClickHouse answers, trying again for ever and saying so once through outage. It returns an error that
// does not pass (a wrong password) and ctx's.
func (db *DB) Wait(ctx context.Context, outage *program.Outage) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 100*time.Millisecond, maxWait
	for {
		err := db.Ping(ctx)
		if err == nil {
			outage.Recovered()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !Passing(err) {
			return fmt.Errorf("connect to clickhouse: %w", err)
		}
		outage.Failing(err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// Pending lists the migrations that were not applied, in order: all of them where the database does not exist.
func (db *DB) Pending(ctx context.Context) ([]schema.Migration, error) {
	applied, err := db.applied(ctx)
	if err != nil {
		return nil, err
	}
	var pending []schema.Migration
	for _, m := range schema.Migrations(db.Name) {
		if !applied[uint32(m.Step)] {
			pending = append(pending, m)
		}
	}
	return pending, nil
}

func (db *DB) applied(ctx context.Context) (map[uint32]bool, error) {
	var exists uint64
	err := db.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = ? AND name = ?", db.Name, schema.MigrationsTable).Scan(&exists)
	if err != nil {
		return nil, fmt.Errorf("look for the migrations: %w", err)
	}
	steps := map[uint32]bool{}
	if exists == 0 {
		return steps, nil
	}
	var rows []struct {
		Step uint32 `ch:"step"`
	}
	if err := db.Select(ctx, &rows, "SELECT DISTINCT step FROM "+db.Name+"."+schema.MigrationsTable); err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	for _, r := range rows {
		steps[r.Step] = true
	}
	return steps, nil
}

// Migrate applies the pending migrations in order and records each; progress, where not nil, is told of each before it is
// applied. Statements are idempotent, so that a run that was cut short is repeated and two runs at once do no harm.
func (db *DB) Migrate(ctx context.Context, progress func(schema.Migration)) error {
	pending, err := db.Pending(ctx)
	if err != nil {
		return err
	}
	for _, m := range pending {
		if progress != nil {
			progress(m)
		}
		if err := db.apply(ctx, m); err != nil {
			return fmt.Errorf("migration %d (%s): %w", m.Step, m.Name, err)
		}
	}
	return nil
}

func (db *DB) apply(ctx context.Context, m schema.Migration) error {
	for _, statement := range m.Statements {
		if err := db.Exec(ctx, db.asSelf(statement)); err != nil {
			head, _, _ := strings.Cut(statement, "\n")
			return fmt.Errorf("%s: %w", head, err)
		}
	}
	record := fmt.Sprintf("INSERT INTO %s.%s (step, name) VALUES (?, ?)", db.Name, schema.MigrationsTable)
	if err := db.Exec(ctx, record, uint32(m.Step), m.Name); err != nil {
		return fmt.Errorf("record it: %w", err)
	}
	return nil
}

const dictionarySource = "SOURCE(CLICKHOUSE("

// asSelf lets a dictionary read its table as the user who creates it: ClickHouse would take the user default, without a
// password. The server masks both when it shows the statement.
func (db *DB) asSelf(statement string) string {
	if (db.user == "" || db.user == "default") && db.password == "" {
		return statement
	}
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	as := fmt.Sprintf("%sUSER '%s' PASSWORD '%s' ", dictionarySource, escape.Replace(db.user), escape.Replace(db.password))
	return strings.Replace(statement, dictionarySource, as, 1)
}
