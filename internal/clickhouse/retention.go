// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"tcpledger/schema"
)

// Retention is how long a table keeps its rows and what they take on the disk. Days counts from when a row was stored, in a rollup
// from the row's own time.
type Retention struct {
	Table    string
	Days     int    // 0 for ever
	Cold     string // the volume to which rows move; "" for none
	ColdDays int    // after so many days
	Rows     uint64
	Bytes    uint64

	age string // the expression that rows age by; "" for a table that keeps its rows
}

// Ages reports whether the table's retention can be changed.
func (r *Retention) Ages() bool { return r.age != "" }

var (
	deleteAfter = regexp.MustCompile(`toIntervalDay\((\d+)\)(?:,| SETTINGS|$)`)
	moveAfter   = regexp.MustCompile(`toIntervalDay\((\d+)\) TO VOLUME '([^']+)'`)
)

// Retention lists the tables in the order of the schema.
func (db *DB) Retention(ctx context.Context) ([]Retention, error) {
	var rows []struct {
		Name   string `ch:"name"`
		Engine string `ch:"engine_full"`
		Rows   uint64 `ch:"held"`
		Bytes  uint64 `ch:"bytes"`
	}
	err := db.Select(ctx, &rows, "SELECT name, engine_full, ifNull(total_rows, 0) AS held, ifNull(total_bytes, 0) AS bytes FROM system.tables WHERE database = ?", db.Name)
	if err != nil {
		return nil, fmt.Errorf("look at the tables: %w", err)
	}
	var out []Retention
	for _, table := range schema.AllTables() {
		for _, row := range rows {
			if row.Name != table.Name {
				continue
			}
			r := Retention{Table: row.Name, Rows: row.Rows, Bytes: row.Bytes, age: table.Age()}
			if m := deleteAfter.FindStringSubmatch(row.Engine); m != nil {
				r.Days, _ = strconv.Atoi(m[1]) // digits
			}
			if m := moveAfter.FindStringSubmatch(row.Engine); m != nil {
				r.ColdDays, _ = strconv.Atoi(m[1])
				r.Cold = m[2]
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// Keep gives a table the retention of r. The server deletes and moves rows when it merges, within hours.
func (db *DB) Keep(ctx context.Context, r Retention) error {
	if !r.Ages() {
		return fmt.Errorf("%s: %w", r.Table, errNoRetention)
	}
	return db.exec(ctx, "ALTER TABLE "+db.Name+"."+r.Table+r.change())
}

// change is what follows ALTER TABLE and the table's name.
func (r *Retention) change() string {
	ttl := ""
	if r.Cold != "" {
		ttl = fmt.Sprintf("%s + INTERVAL %d DAY TO VOLUME %s", r.age, r.ColdDays, schema.Quote(r.Cold))
	}
	if r.Days > 0 {
		if ttl != "" {
			ttl += ", "
		}
		ttl += fmt.Sprintf("%s + INTERVAL %d DAY DELETE", r.age, r.Days)
	}
	if ttl == "" {
		return " REMOVE TTL"
	}
	return " MODIFY TTL " + ttl
}
