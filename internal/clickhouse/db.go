// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tcpledger/internal/program"
	"tcpledger/internal/retry"
	"tcpledger/schema"
)

// DB is a connection for queries and the database they mean. Statements name their tables with the database: it may not
// exist yet when the connection is made.
type DB struct {
	driver.Conn
	Name string
}

func (db *DB) target() schema.Target { return schema.Target{Database: db.Name} }

var waiting = retry.Policy{First: 100 * time.Millisecond, Max: 5 * time.Second}

// Wait returns once ClickHouse answers. It tries again for ever and says so once through outage. It returns an error that
// does not pass (a wrong password), and ctx's.
func (db *DB) Wait(ctx context.Context, outage *program.Outage) error {
	return retry.Until(ctx, waiting, outage, func(ctx context.Context) error {
		err := db.Ping(ctx)
		if err != nil && !Passing(err) {
			return retry.Permanent(fmt.Errorf("connect to clickhouse: %w", err))
		}
		return err
	})
}
