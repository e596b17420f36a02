// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tcpledger/schema"
)

// Broken is a part of a table that ClickHouse cannot read.
type Broken struct {
	Table, Part, Why string
}

// String names the part and says what ClickHouse says of it.
func (b *Broken) String() string { return b.Table + ": " + b.Part + ": " + b.Why }

// SetAside lists the parts that the server found broken, mostly at its start, and reads no more: their rows are missing without a word.
// A user who may not see them is told of none.
func (db *DB) SetAside(ctx context.Context) ([]Broken, error) {
	var parts []struct {
		Table  string `ch:"table"`
		Part   string `ch:"name"`
		Reason string `ch:"why"`
	}
	err := db.Select(ctx, &parts, "SELECT table, name, ifNull(reason, '') AS why FROM system.detached_parts WHERE database = ? AND startsWith(why, 'broken') ORDER BY table, name", db.Name)
	if Denied(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at the parts that are set aside: %w", err)
	}
	var out []Broken
	for _, p := range parts {
		out = append(out, Broken{strings.TrimSuffix(p.Table, "_local"), p.Part, "set aside by ClickHouse (" + p.Reason + ")"})
	}
	return out, nil
}

// ErrReplicated says that a broken part is the replicas' affair: they fetch it from each other.
var ErrReplicated = errors.New("the tables are replicated: a replica fetches a broken part from another by itself (SYSTEM RESTART REPLICA)")

// Mend reads every part of the tables that are computed from rows, sets broken ones aside, and lets the views make anew what they held, or
// what they said is to be made. What it found is in said, part by part; what the server had set aside before is among it. Rows stay as
// they are.
func (db *DB) Mend(ctx context.Context, said func(Broken)) error {
	tables, err := db.tables(ctx)
	if err != nil {
		return err
	}
	aside, err := db.SetAside(ctx)
	if err != nil {
		return err
	}
	var hurt []string
	for _, name := range schema.Recomputed() {
		found := tables[name]
		if found == nil {
			continue
		}
		if strings.HasPrefix(found.Engine, "Replicated") || strings.HasPrefix(found.Engine, "Distributed") {
			return ErrReplicated
		}
		broken, err := db.detachBroken(ctx, name)
		if err != nil {
			return err
		}
		for _, b := range append(broken, aside...) {
			if b.Table == name {
				hurt = append(hurt, name)
				said(b)
			}
		}
	}
	for _, r := range schema.Rollups() {
		if slices.Contains(hurt, r.Name) || slices.Contains(hurt, schema.Touched().Name) {
			if err := db.exec(ctx, r.Renote(db.target())); err != nil {
				return fmt.Errorf("ask for %s anew: %w", r.Name, err)
			}
		}
	}
	return nil
}

// detachBroken sets those parts of a table aside that cannot be read.
func (db *DB) detachBroken(ctx context.Context, table string) ([]Broken, error) {
	rows, err := db.Query(ctx, "CHECK TABLE "+db.Name+"."+table+" SETTINGS check_query_single_value_result = 0")
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", table, err)
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	var broken []Broken
	for rows.Next() {
		var part, why string
		var whole bool
		if err := rows.Scan(&part, &whole, &why); err != nil {
			return nil, fmt.Errorf("check %s: %w", table, err)
		}
		if !whole {
			why, _, _ = strings.Cut(why, "\n")
			broken = append(broken, Broken{table, part, why})
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("check %s: %w", table, err)
	}
	for _, b := range broken {
		const gone = 232 // NO_SUCH_DATA_PART: a merge or a second mender was faster
		if err := db.exec(ctx, "ALTER TABLE "+db.Name+"."+table+" DETACH PART "+schema.Quote(b.Part)); err != nil && Code(err) != gone {
			return nil, err
		}
	}
	return broken, nil
}

// hinted adds to an error of the server what to do about a broken part.
func hinted(err error) error {
	if !schema.Damaged(Code(err)) {
		return err
	}
	return fmt.Errorf("%s: %w", schema.DamageHint, err)
}
