// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"

	"github.com/ClickHouse/ch-go/proto"

	"tcpledger/ingester/row"
)

// maxDays bounds the open blocks of a table: hosts with wrong clocks cost inserts, not memory.
const maxDays = 32

// table gathers rows of type R in one block for each day: the server makes a part of each day in an insert, and refuses an
// insert with more than a hundred.
type table[R any] struct {
	title   string
	columns func() []column[R]
	at      func(*R) row.Micros // nil: the table has no partitions
	open    map[int32]*block[R]
	free    []*block[R]
	rows    int
	size    blockSize
}

// block is the columns of one insert. It is reused.
type block[R any] struct {
	columns []column[R]
	input   proto.Input
	rows    int
}

// insertFunc stores a block of a table; it returns once the server has acknowledged it. Its error is errTooLarge if the server
// refuses the block for its size.
type insertFunc func(ctx context.Context, table string, input proto.Input, rows int) error

// flusher is a table of any rows.
type flusher interface {
	name() string
	flush(ctx context.Context, insert insertFunc) error
	reset()
	pending() int
	input() proto.Input
	byDay() bool
}

func newTable[R any](name string, columns func() []column[R], at func(*R) row.Micros) *table[R] {
	return &table[R]{title: name, columns: columns, at: at, open: map[int32]*block[R]{}}
}

func (t *table[R]) name() string       { return t.title }
func (t *table[R]) pending() int       { return t.rows }
func (t *table[R]) input() proto.Input { return t.newBlock().input }

func (t *table[R]) byDay() bool { return t.at != nil }

func (t *table[R]) day(r *R) int32 {
	if t.at == nil {
		return 0
	}
	return t.at(r).Day()
}

// append copies rows into the blocks. It returns the rows that it has no room for: those from the first row on whose day would
// be one too many.
func (t *table[R]) append(rows []R) []R {
	for len(rows) > 0 {
		day := t.day(&rows[0])
		b, ok := t.open[day]
		if !ok {
			if len(t.open) >= maxDays {
				return rows
			}
			b = t.takeBlock()
			t.open[day] = b
		}
		n := 1
		for n < len(rows) && t.day(&rows[n]) == day {
			n++
		}
		for _, c := range b.columns {
			c.append(rows[:n])
		}
		b.rows += n
		t.rows += n
		rows = rows[n:]
	}
	return nil
}

// flush inserts the blocks. It empties each block once the server has acknowledged it, so that a later try inserts the rest.
func (t *table[R]) flush(ctx context.Context, insert insertFunc) error {
	for day, b := range t.open {
		if err := t.insert(ctx, b, insert); err != nil {
			return err
		}
		t.release(day, b)
	}
	return nil
}

// insert stores a block: whole, or in parts if the server refuses larger ones. After an error the whole block is inserted again,
// which the identity of the rows makes harmless.
func (t *table[R]) insert(ctx context.Context, b *block[R], insert insertFunc) error {
	for from := 0; from < b.rows; {
		part, rows := b, t.size.of(b.rows-from)
		if rows < b.rows {
			part = t.part(b, from, from+rows)
		}
		err := insert(ctx, t.title, part.input, rows)
		if errors.Is(err, errTooLarge) {
			t.size.refused(rows)
			continue
		}
		if err != nil {
			return err
		}
		t.size.acknowledged()
		from += rows
	}
	return nil
}

// part copies rows of a block into a block of their own.
func (t *table[R]) part(b *block[R], from, to int) *block[R] {
	part := t.newBlock()
	for i, c := range part.columns {
		c.copyFrom(b.columns[i], from, to)
	}
	part.rows = to - from
	return part
}

func (t *table[R]) reset() {
	for day, b := range t.open {
		t.release(day, b)
	}
}

func (t *table[R]) release(day int32, b *block[R]) {
	t.rows -= b.rows
	b.rows = 0
	b.input.Reset()
	delete(t.open, day)
	if len(t.free) < 2 { // two days are common around midnight, more are rare
		t.free = append(t.free, b)
	}
}

func (t *table[R]) takeBlock() *block[R] {
	if n := len(t.free); n > 0 {
		b := t.free[n-1]
		t.free = t.free[:n-1]
		return b
	}
	return t.newBlock()
}

func (t *table[R]) newBlock() *block[R] {
	b := &block[R]{columns: t.columns()}
	for _, c := range b.columns {
		b.input = append(b.input, proto.InputColumn{Name: c.name(), Data: c.data()})
	}
	return b
}
