// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/internal/retry"
)

// preparePolicy is the pause between two looks at a database that is not ready.
var preparePolicy = retry.Policy{First: time.Second}

// prepare waits for ClickHouse and makes or migrates its tables. Without migrate it waits until somebody else did. It tries
// for ever while ClickHouse is away, hangs or refuses a statement: somebody can mend a grant or a table, and the outage says which. A
// server that is too old is an error, and so is a database that lacks what the ingester writes.
func prepare(ctx context.Context, db *clickhouse.DB, migrate bool, outage *program.Outage, log *slog.Logger) error {
	return db.Watch(ctx, outage, func(ctx context.Context) error { return awaitTables(ctx, db, migrate, outage, log) })
}

func awaitTables(ctx context.Context, db *clickhouse.DB, migrate bool, outage *program.Outage, log *slog.Logger) error {
	if err := db.Wait(ctx, outage); err != nil {
		return err
	}
	return retry.Until(ctx, preparePolicy, outage, func(ctx context.Context) error {
		var err error
		if migrate {
			err = db.Migrate(ctx, func(what string) { log.Info("migrated", "applied", what) })
		} else {
			err = awaitMigrations(ctx, db, log)
		}
		var newer *clickhouse.NewerError
		if errors.As(err, &newer) { // an ingester of the version before goes on while others are upgraded, and after a downgrade
			log.Warn("the database is newer than this program", "err", err)
			err = db.Verify(ctx)
		}
		if err != nil && !clickhouse.Passing(err) && clickhouse.Code(err) == 0 {
			return retry.Permanent(err)
		}
		return err
	})
}

// errPending says that migrations are pending.
var errPending = errors.New("migrations are pending")

// awaitMigrations returns once no step is pending. It says once that it waits. Its error names what the tables lack.
func awaitMigrations(ctx context.Context, db *clickhouse.DB, log *slog.Logger) error {
	said := false
	return retry.Until(ctx, preparePolicy, nil, func(ctx context.Context) error {
		pending, err := db.Pending(ctx)
		if err == nil && len(pending.Steps) == 0 {
			err = db.Verify(ctx)
			if err == nil {
				return nil
			}
		}
		if err != nil {
			return retry.Permanent(err)
		}
		if !said {
			log.Warn("migrations are pending, waiting for them: run `tcpledger migrate --apply`", "from_step", pending.Steps[0].Step, "count", len(pending.Steps))
			said = true
		}
		return errPending
	})
}
