// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// codeReadOnly is ClickHouse's READONLY.
const codeReadOnly = 164

// readOnlyError says in one line which profile serves. It unwraps to the server's exception.
type readOnlyError struct{ error }

// Error says what to set for a user who may only read.
func (readOnlyError) Error() string {
	return "the ClickHouse user's profile has readonly=1, so that no question can set its own limits: give the user readonly=2, as the profile tcpledger_reader of deploy/clickhouse/users.xml has it"
}

// Unwrap is what the server said.
func (e readOnlyError) Unwrap() error { return e.error }

// explain replaces the answer to a user whose profile has readonly=1. A statement that would write is refused with the same
// code and another text.
func explain(err error) error {
	if Code(err) == codeReadOnly && strings.Contains(err.Error(), "setting in readonly mode") {
		return readOnlyError{err}
	}
	return err
}

// Select is the driver's, with errors that say what to do.
func (db *DB) Select(ctx context.Context, dest any, query string, args ...any) error {
	return explain(db.Conn.Select(ctx, dest, query, args...))
}

// Query is the driver's, with errors that say what to do.
func (db *DB) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	rows, err := db.Conn.Query(ctx, query, args...)
	return rows, explain(err)
}
