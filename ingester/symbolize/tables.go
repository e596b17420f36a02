// SPDX-License-Identifier: Apache-2.0

package symbolize

import (
	"context"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"tcpledger/internal/clickhouse"
	"tcpledger/schema"
)

const (
	// keptBytes bounds the memory of the packed tables; a kernel's takes about 6 MB.
	keptBytes = 96 << 20
	// keptTables bounds their number, those that are known to be missing included.
	keptTables = 4_096
	// largest bounds one table: more symbols than any kernel has.
	largest = 2_000_000
	// missingFor is how long a table that was not complete is not looked for again.
	missingFor = 5 * time.Second
	// answerWithin bounds one look into a ClickHouse that hangs: messages wait for it.
	answerWithin = 30 * time.Second
)

// tables gives symbol tables by build id, from memory or ClickHouse.
type tables struct {
	db    *clickhouse.DB
	known *lru.Cache[string, known]
	bytes int

	failed   error // of the last look into ClickHouse, which is not repeated for missingFor; nil where it worked
	failedAt time.Time
}

// known is what the last look into ClickHouse found; a nil table was missing or not complete then.
type known struct {
	table *table
	asked time.Time
}

func newTables(db *clickhouse.DB) (*tables, error) {
	t := &tables{db: db}
	cache, err := lru.NewWithEvict(keptTables, func(_ string, k known) {
		if k.table != nil {
			t.bytes -= k.table.bytes()
		}
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache of symbol tables: %w", err)
	}
	t.known = cache
	return t, nil
}

// get gives the table of a build, nil where it is not complete. After a failure it fails at once for a while: a stack has
// many frames, a message many stacks, and each would wait anew for a ClickHouse that does not answer.
func (t *tables) get(ctx context.Context, build string) (*table, error) {
	if k, ok := t.known.Get(build); ok && (k.table != nil || time.Since(k.asked) < missingFor) {
		return k.table, nil
	}
	if t.failed != nil && time.Since(t.failedAt) < missingFor {
		return nil, t.failed
	}
	loaded, err := t.look(ctx, build)
	if t.failed, t.failedAt = err, time.Now(); err != nil {
		return nil, err
	}
	t.keep(build, loaded)
	return loaded, nil
}

// look reads the table of a build from ClickHouse, nil where it is not complete.
func (t *tables) look(ctx context.Context, build string) (*table, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	complete, err := t.complete(ctx, []string{build})
	if err != nil {
		return nil, err
	}
	pieces, ok := complete[build]
	if !ok {
		return nil, nil
	}
	return t.load(ctx, build, pieces)
}

func (t *tables) keep(build string, loaded *table) {
	t.known.Remove(build)
	if loaded != nil {
		t.bytes += loaded.bytes()
	}
	t.known.Add(build, known{table: loaded, asked: time.Now()})
	for t.bytes > keptBytes && t.known.Len() > 1 {
		t.known.RemoveOldest()
	}
}

// forget makes the next get look into ClickHouse.
func (t *tables) forget(build string) { t.known.Remove(build) }

// complete tells which of these builds have all pieces of a table, and into how many it is cut: a table is published once
// for each way that agents cut it.
func (t *tables) complete(ctx context.Context, builds []string) (map[string]uint32, error) {
	var rows []struct {
		Build  string `ch:"build_id"`
		Pieces uint32 `ch:"pieces"`
	}
	err := t.db.Select(ctx, &rows, fmt.Sprintf(`SELECT build_id, max(pieces) AS pieces FROM
		(SELECT build_id, pieces FROM %s.%s WHERE build_id IN (?) GROUP BY build_id, pieces HAVING uniqExact(piece) = pieces)
		GROUP BY build_id`, t.db.Name, schema.Symbols().Name), builds)
	if err != nil {
		return nil, fmt.Errorf("look for complete symbol tables: %w", err)
	}
	out := make(map[string]uint32, len(rows))
	for _, r := range rows {
		out[r.Build] = r.Pieces
	}
	return out, nil
}

func (t *tables) load(ctx context.Context, build string, pieces uint32) (*table, error) {
	rows, err := t.db.Query(ctx, fmt.Sprintf(`SELECT DISTINCT offset, name FROM %s.%s WHERE build_id = ? AND pieces = ?
		ORDER BY offset, name LIMIT ?`, t.db.Name, schema.Symbols().Name), build, pieces, largest)
	if err != nil {
		return nil, fmt.Errorf("read the symbols of %s: %w", build, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what matters
	loaded := &table{}
	for rows.Next() {
		var offset uint64
		var name string
		if err := rows.Scan(&offset, &name); err != nil {
			return nil, fmt.Errorf("read the symbols of %s: %w", build, err)
		}
		loaded.add(offset, name)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the symbols of %s: %w", build, err)
	}
	return loaded, nil
}
