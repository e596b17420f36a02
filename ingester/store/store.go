// SPDX-License-Identifier: Apache-2.0

// Package store gathers rows in columns and inserts them: one insert for each table, day and flush.
package store

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"tcpledger/ingester/row"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/schema"
)

// Store holds rows until a flush. It is not safe for concurrent use.
type Store struct {
	connections *table[row.Connection]
	events      *table[row.Event]
	stacks      *table[row.Stack]
	symbols     *table[row.Symbol]
	hosts       *table[row.Host]
	checkpoints *table[row.Checkpoint]
	losses      *table[row.Loss]
	deadLetters *table[row.DeadLetter]
	all         []flusher
	inserter    *inserter
	metrics     *metrics
}

// New makes an empty store; it connects at the first flush. outage hears of each insert that fails, also of one that gets no
// answer within the options' ReadTimeout.
func New(options *clickhouse.Native, database string, outage *program.Outage, registry prometheus.Registerer) *Store {
	s := &Store{
		connections: newTable(schema.Connections().Name, connectionColumns, func(r *row.Connection) row.Micros { return r.At }),
		events:      newTable(schema.Events().Name, eventColumns, func(r *row.Event) row.Micros { return r.At }),
		stacks:      newTable(schema.Stacks().Name, stackColumns, nil),
		symbols:     newTable(schema.Symbols().Name, symbolColumns, nil),
		hosts:       newTable(schema.Hosts().Name, hostColumns, nil),
		checkpoints: newTable(schema.Checkpoints().Name, checkpointColumns, func(r *row.Checkpoint) row.Micros { return r.At }),
		losses:      newTable(schema.Losses().Name, lossColumns, func(r *row.Loss) row.Micros { return r.At }),
		deadLetters: newTable(schema.DeadLetters().Name, deadLetterColumns, nil),
	}
	// Symbols and stacks go first: a connection that comes before its stack would show without it.
	s.all = []flusher{s.symbols, s.stacks, s.hosts, s.connections, s.events, s.checkpoints, s.losses, s.deadLetters}
	names := make([]string, len(s.all))
	for i, t := range s.all {
		names[i] = t.name()
	}
	s.metrics = newMetrics(registry, names)
	s.inserter = &inserter{options: options, database: database, outage: outage, metrics: s.metrics}
	return s
}

// Append copies the rows of set into the columns. It flushes as often as needed if they are of too many days; its error is
// that of Flush.
func (s *Store) Append(ctx context.Context, set *row.Set) error {
	_ = s.symbols.append(set.Symbols) // a table without partitions has room for all rows
	_ = s.stacks.append(set.Stacks)
	_ = s.hosts.append(set.Hosts)
	_ = s.deadLetters.append(set.DeadLetters)
	if err := appendAll(ctx, s, s.connections, set.Connections); err != nil {
		return err
	}
	if err := appendAll(ctx, s, s.events, set.Events); err != nil {
		return err
	}
	if err := appendAll(ctx, s, s.checkpoints, set.Checkpoints); err != nil {
		return err
	}
	return appendAll(ctx, s, s.losses, set.Losses)
}

func appendAll[R any](ctx context.Context, s *Store, t *table[R], rows []R) error {
	for {
		if rows = t.append(rows); len(rows) == 0 {
			return nil
		}
		if err := s.Flush(ctx); err != nil {
			return err
		}
	}
}

// Flush inserts all rows and returns once the server has acknowledged each insert; then the store is empty. It tries until ctx
// ends; its error is ctx's, and the rows that were not acknowledged stay.
func (s *Store) Flush(ctx context.Context) error {
	for _, t := range s.all {
		if err := t.flush(ctx, s.inserter.insert); err != nil {
			return err
		}
	}
	s.metrics.flushes.Inc()
	return nil
}

// Rows counts the rows that wait for a flush.
func (s *Store) Rows() int {
	n := 0
	for _, t := range s.all {
		n += t.pending()
	}
	return n
}

// Reset drops the rows that wait for a flush: their messages are read again.
func (s *Store) Reset() {
	for _, t := range s.all {
		t.reset()
	}
}

// Close drops the connection. Rows that wait for a flush are not stored.
func (s *Store) Close() error { return s.inserter.close() }
