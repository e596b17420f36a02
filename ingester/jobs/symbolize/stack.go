// SPDX-License-Identifier: Apache-2.0

package symbolize

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tcpledger/schema"
)

// stack is a row of the stacks table: one element of each slice for each frame.
type stack struct {
	ID            uint64    `ch:"stack_id"`
	Fingerprint   uint64    `ch:"fp"`
	Resolved      uint16    `ch:"frames_resolved"`
	Symbols       []string  `ch:"symbols"`
	Offsets       []uint64  `ch:"offsets"`
	Modules       []string  `ch:"modules"`
	BuildIDs      []string  `ch:"build_ids"`
	Lines         []string  `ch:"lines"`
	KernelRelease string    `ch:"kernel_release"`
	ReceivedAt    time.Time `ch:"received_at"`
}

// The columns that are read, and those that a resolved stack replaces.
const (
	readColumns  = "stack_id, frames_resolved, offsets, modules, build_ids, lines, kernel_release"
	storeColumns = readColumns + ", fp, symbols, received_at"
)

// read gives the next unresolved stacks after the stack id cursor, at most maxPage of them.
func (j *Job) read(ctx context.Context, cursor uint64) (page []stack, err error) {
	err = question(ctx, "read unresolved stacks", func(ctx context.Context) error {
		return j.db.Select(ctx, &page, fmt.Sprintf("SELECT %s FROM %s.%s FINAL WHERE fp = 0 AND stack_id > ? ORDER BY stack_id LIMIT %d",
			readColumns, j.db.Name, schema.Stacks().Name, maxPage), cursor)
	})
	return page, err
}

// store writes the stacks over those with the same ids: the row with the most resolved frames stays.
func (j *Job) store(ctx context.Context, stacks []stack) error {
	if len(stacks) == 0 {
		return nil
	}
	return question(ctx, "store resolved stacks", func(ctx context.Context) error {
		ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"async_insert": 0}))
		batch, err := j.db.PrepareBatch(ctx, fmt.Sprintf("INSERT INTO %s.%s (%s)", j.db.Name, schema.Stacks().Name, storeColumns))
		if err != nil {
			return err
		}
		for i := range stacks {
			stacks[i].ReceivedAt = time.Now()
			if err := batch.AppendStruct(&stacks[i]); err != nil {
				_ = batch.Abort() // the first error is the one that matters
				return err
			}
		}
		return batch.Send()
	})
}

// resolve names the frames of which the build's table is complete, and sets the fingerprint if all frames have names.
func (s *stack) resolve(ctx context.Context, tables *tables, complete map[string][]cut) error {
	names := make([]string, len(s.Offsets))
	s.Resolved, s.Symbols = 0, make([]string, len(s.Offsets))
	for i, build := range s.BuildIDs {
		s.Symbols[i] = fmt.Sprintf("%#x", s.Offsets[i])
		cuts, ok := complete[build]
		if !ok {
			continue
		}
		t, err := tables.get(ctx, build, cuts)
		if err != nil {
			return err
		}
		if t == nil {
			continue
		}
		name, distance, ok := t.find(s.Offsets[i], i > 0)
		if !ok {
			continue
		}
		names[i] = name
		s.Symbols[i] = fmt.Sprintf("%s+%#x", name, distance)
		s.Resolved++
	}
	if n := len(names); n > 0 && int(s.Resolved) == n {
		s.Fingerprint = fingerprint(names)
	}
	return nil
}
