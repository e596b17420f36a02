// SPDX-License-Identifier: Apache-2.0

package symbolize

import (
	"context"
	"fmt"
	"maps"
	"slices"

	lru "github.com/hashicorp/golang-lru/v2"

	"tcpledger/internal/clickhouse"
	"tcpledger/schema"
)

const (
	// maxCache bounds the memory of the packed tables; a kernel's takes about 6 MB.
	maxCache = 96 << 20
	// maxTables bounds their number.
	maxTables = 4_096
	// maxSymbols and maxTableBytes bound one table: more than any kernel has. The rest of a larger table is not read.
	maxSymbols    = 2_000_000
	maxTableBytes = 64 << 20
	// maxBuilds bounds the builds of one question, so that its text stays well below the server's limit of 256 KiB.
	maxBuilds = 400
	// maxCuts bounds the tables of one build that are tried: forged ones may be before the one that fits.
	maxCuts = 8
)

// cut is one complete table of a build: how many pieces it is cut into, and the hash that it carries.
type cut struct {
	pieces uint32
	hash   uint64
}

// tables gives the symbol tables of builds from memory or ClickHouse.
type tables struct {
	db    *clickhouse.DB
	cache *lru.Cache[string, *table]
	bytes int
}

func newTables(db *clickhouse.DB) (*tables, error) {
	t := &tables{db: db}
	cache, err := lru.NewWithEvict(maxTables, func(_ string, evicted *table) { t.bytes -= evicted.bytes() })
	if err != nil {
		return nil, fmt.Errorf("make the cache of symbol tables: %w", err)
	}
	t.cache = cache
	return t, nil
}

// get gives the first of a build's complete tables that fits its hash, nil if none does. A table without a hash fits.
func (t *tables) get(ctx context.Context, build string, cuts []cut) (*table, error) {
	if loaded, ok := t.cache.Get(build); ok {
		return loaded, nil
	}
	for _, c := range cuts {
		loaded := &table{}
		err := question(ctx, "read the symbols of "+build, func(ctx context.Context) error { return t.load(ctx, build, c, loaded) })
		if err != nil {
			return nil, err
		}
		if c.hash != 0 && loaded.hash() != c.hash {
			continue
		}
		t.bytes += loaded.bytes()
		t.cache.Add(build, loaded)
		for t.bytes > maxCache && t.cache.Len() > 1 {
			t.cache.RemoveOldest()
		}
		return loaded, nil
	}
	return nil, nil
}

// complete tells which builds of the stacks have all pieces of a table.
func (t *tables) complete(ctx context.Context, stacks []stack) (map[string][]cut, error) {
	wanted := map[string]bool{}
	for i := range stacks {
		for _, build := range stacks[i].BuildIDs {
			if build != "" {
				wanted[build] = true
			}
		}
	}
	out := map[string][]cut{}
	for builds := range slices.Chunk(slices.Sorted(maps.Keys(wanted)), maxBuilds) {
		if err := t.completeOf(ctx, builds, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// completeOf adds to out the complete tables of the builds: those with a hash first, and of them the one that was complete first.
// Whoever may write to the topic can send another table of a build, but cannot come before one that is there.
func (t *tables) completeOf(ctx context.Context, builds []string, out map[string][]cut) error {
	var rows []struct {
		Build  string `ch:"build_id"`
		Pieces uint32 `ch:"pieces"`
		Hash   uint64 `ch:"hash"`
	}
	err := question(ctx, "look for complete symbol tables", func(ctx context.Context) error {
		return t.db.Select(ctx, &rows, fmt.Sprintf(`SELECT build_id, pieces, hash FROM %s.%s WHERE build_id IN (?) GROUP BY build_id, pieces, hash
			HAVING uniqExact(piece) = pieces ORDER BY build_id, hash = 0, max(received_at), pieces, hash LIMIT %d BY build_id`,
			t.db.Name, schema.Symbols().Name, maxCuts), builds)
	})
	for _, r := range rows {
		out[r.Build] = append(out[r.Build], cut{r.Pieces, r.Hash})
	}
	return err
}

// load reads a table from ClickHouse up to its bounds.
func (t *tables) load(ctx context.Context, build string, c cut, into *table) error {
	rows, err := t.db.Query(ctx, fmt.Sprintf("SELECT DISTINCT offset, name FROM %s.%s WHERE build_id = ? AND pieces = ? AND hash = ? ORDER BY offset, name LIMIT %d",
		t.db.Name, schema.Symbols().Name, maxSymbols), build, c.pieces, c.hash)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err says what matters
	for rows.Next() && into.bytes() < maxTableBytes {
		var offset uint64
		var name string
		if err := rows.Scan(&offset, &name); err != nil {
			return err
		}
		into.add(offset, name)
	}
	return rows.Err()
}
