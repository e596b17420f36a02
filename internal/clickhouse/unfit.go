// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"
)

// UnfitError says why this program cannot work with a server or a database. It does not pass by itself.
type UnfitError struct{ reason string }

// Error is one line for a person.
func (e *UnfitError) Error() string { return e.reason }

// NewerError says that the database has steps that this program does not know. Nothing was changed. Verify tells whether the
// program can work with it nevertheless.
type NewerError struct {
	Database string
	Known    int // steps
	Step     uint32
	Name     string
}

// Error is one line for a person.
func (e *NewerError) Error() string {
	return fmt.Sprintf("the database %s is from a newer version of tcpledger: this version knows %d steps, the database has step %d (%s); nothing was changed",
		e.Database, e.Known, e.Step, e.Name)
}

func unfit(format string, arguments ...any) error {
	return &UnfitError{fmt.Sprintf(format, arguments...)}
}

// The oldest ClickHouse that has everything the statements use: the setting use_skip_indexes_if_final_exact_mode came with it.
const oldestYear, oldestRelease = 25, 5

// Supported returns an UnfitError when the server is older than what the statements need.
func (db *DB) Supported(ctx context.Context) error {
	var version string
	if err := db.QueryRow(ctx, "SELECT version()").Scan(&version); err != nil {
		return fmt.Errorf("ask for the server's version: %w", err)
	}
	return supported(version)
}

func supported(version string) error {
	var year, release int
	if _, err := fmt.Sscanf(version, "%d.%d", &year, &release); err != nil {
		return unfit("the server says that it is ClickHouse %q, which is no version", version)
	}
	if year < oldestYear || year == oldestYear && release < oldestRelease {
		return unfit("the server is ClickHouse %s, tcpledger needs %d.%d or later", version, oldestYear, oldestRelease)
	}
	return nil
}
