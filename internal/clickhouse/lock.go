// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"tcpledger/internal/retry"
)

// holding is a query that does nothing for ever: it counts seconds.
const holding = "SELECT count() FROM (SELECT sleepEachRow(1) FROM numbers(1000000000))"

// busy is the pause before the next try to take the lock.
var busy = retry.Policy{First: 100 * time.Millisecond}

// idRunning is QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING.
const idRunning = 216

// lock waits until no other program migrates this database on this server. The lock is a running query with an id of its own:
// the server lets no second query of that id run, and ends the query with its connection. The caller calls unlock.
func (db *DB) lock(ctx context.Context) (unlock func(), err error) {
	held, cancel := context.WithCancel(ctx)
	asked := driver.Context(held, driver.WithQueryID("tcpledger-migrate-"+db.Name),
		driver.WithSettings(driver.Settings{"max_block_size": 1, "max_execution_time": 0, "max_threads": 1}))
	err = retry.Until(ctx, busy, nil, func(context.Context) error {
		rows, err := db.Query(asked, holding)
		switch {
		case err == nil:
			unlock = func() {
				cancel()
				_ = rows.Close() // it was cut short
			}
		case Code(err) != idRunning:
			err = retry.Permanent(err)
		}
		return err
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("wait for other migrations: %w", err)
	}
	return unlock, nil
}
