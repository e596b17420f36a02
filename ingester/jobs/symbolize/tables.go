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
)

// cut says into how many pieces a complete table is cut.
type cut uint32

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

// get gives the complete table of a build, which is cut into that many pieces.
func (t *tables) get(ctx context.Context, build string, pieces cut) (*table, error) {
	if loaded, ok := t.cache.Get(build); ok {
		return loaded, nil
	}
	loaded := &table{}
	err := question(ctx, "read the symbols of "+build, func(ctx context.Context) error { return t.load(ctx, build, pieces, loaded) })
	if err != nil {
		return nil, err
	}
	t.bytes += loaded.bytes()
	t.cache.Add(build, loaded)
	for t.bytes > maxCache && t.cache.Len() > 1 {
		t.cache.RemoveOldest()
	}
	return loaded, nil
}

// complete tells which builds of the stacks have all pieces of a table.
func (t *tables) complete(ctx context.Context, stacks []stack) (map[string]cut, error) {
	wanted := map[string]bool{}
	for i := range stacks {
		for _, build := range stacks[i].BuildIDs {
			if build != "" {
				wanted[build] = true
			}
		}
	}
	out := map[string]cut{}
	for builds := range slices.Chunk(slices.Sorted(maps.Keys(wanted)), maxBuilds) {
		if err := t.completeOf(ctx, builds, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// completeOf adds to out those builds that have all pieces of a table. Agents of other versions may cut the same table into
// other pieces: the cut with the most pieces counts.
func (t *tables) completeOf(ctx context.Context, builds []string, out map[string]cut) error {
	var rows []struct {
		Build  string `ch:"build_id"`
		Pieces uint32 `ch:"pieces"`
	}
	err := question(ctx, "look for complete symbol tables", func(ctx context.Context) error {
		return t.db.Select(ctx, &rows, fmt.Sprintf(`SELECT build_id, max(pieces) AS pieces FROM
			(SELECT build_id, pieces FROM %s.%s WHERE build_id IN (?) GROUP BY build_id, pieces HAVING uniqExact(piece) = pieces)
			GROUP BY build_id`, t.db.Name, schema.Symbols().Name), builds)
	})
	for _, r := range rows {
		out[r.Build] = cut(r.Pieces)
	}
	return err
}

// load reads a table from ClickHouse up to its bounds.
func (t *tables) load(ctx context.Context, build string, pieces cut, into *table) error {
	rows, err := t.db.Query(ctx, fmt.Sprintf("SELECT DISTINCT offset, name FROM %s.%s WHERE build_id = ? AND pieces = ? ORDER BY offset, name LIMIT %d",
		t.db.Name, schema.Symbols().Name, maxSymbols), build, uint32(pieces))
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
