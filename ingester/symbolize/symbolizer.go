// SPDX-License-Identifier: Apache-2.0

package symbolize

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tcpledger/ingester/row"
	"tcpledger/internal/clickhouse"
	"tcpledger/schema"
)

// Symbolizer resolves stacks: those of messages with the tables that are complete, and later, in passes, those that had to
// wait for a table. It is not safe for concurrent use.
type Symbolizer struct {
	tables  *tables
	late    late
	metrics *metrics
}

// New makes a symbolizer that reads its tables from db.
func New(db *clickhouse.DB, registry prometheus.Registerer) (*Symbolizer, error) {
	t, err := newTables(db)
	if err != nil {
		return nil, err
	}
	return &Symbolizer{tables: t, late: newLate(), metrics: newMetrics(registry)}, nil
}

// Stacks appends the rows of the stacks of a message to out. A failure to read a table leaves its frames in hex; a later
// pass names them.
func (s *Symbolizer) Stacks(ctx context.Context, m *schema.Meta, receivedAt time.Time, out *row.Set) {
	for i := range m.Stacks {
		stack := unresolved(m.Stacks[i].ID, m.Stacks[i].Frames)
		stack.KernelRelease, stack.ReceivedAt = m.KernelRelease, row.Micros(receivedAt.UnixMicro())
		err := s.resolve(ctx, &stack)
		if err != nil {
			s.metrics.failures.Inc()
		}
		if stack.Fingerprint == 0 {
			s.late.waits(&stack, err != nil)
		}
		out.Stacks = append(out.Stacks, stack)
	}
}

// unresolved is a stack with its addresses in hex.
func unresolved(id uint64, frames []schema.Frame) row.Stack {
	n := len(frames)
	s := row.Stack{ID: id, Symbols: make([]string, n), Offsets: make([]uint64, n), Modules: make([]string, n),
		BuildIDs: make([]string, n), Lines: make([]string, n)}
	for i, f := range frames {
		s.Symbols[i], s.Offsets[i], s.Modules[i], s.BuildIDs[i] = fmt.Sprintf("%#x", f.Offset), f.Offset, f.Module, f.BuildID
	}
	return s
}

// resolve names the frames whose build's table is complete, and fingerprints the stack where all are. On an error the
// other frames are resolved all the same.
func (s *Symbolizer) resolve(ctx context.Context, stack *row.Stack) error {
	names := make([]string, len(stack.Symbols))
	var failed error
	stack.Resolved = 0
	for i, build := range stack.BuildIDs {
		if build == "" {
			continue
		}
		t, err := s.tables.get(ctx, build)
		if err != nil {
			failed = err
		}
		if t == nil {
			continue
		}
		name, distance, ok := t.find(stack.Offsets[i], i > 0)
		if !ok {
			continue
		}
		names[i] = name
		stack.Symbols[i] = fmt.Sprintf("%s+%#x", name, distance)
		stack.Resolved++
	}
	stack.Fingerprint = 0
	if n := len(names); n > 0 && int(stack.Resolved) == n {
		stack.Fingerprint = fingerprint(names)
	}
	return failed
}
