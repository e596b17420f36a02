// SPDX-License-Identifier: Apache-2.0

package symbolize

import (
	"context"
	"fmt"
	"time"

	"tcpledger/ingester/row"
	"tcpledger/schema"
)

const (
	// shortPause is how soon a pass follows the one before when stacks of this ingester began to wait; while nothing
	// comes of it the pause doubles up to longPause.
	shortPause = time.Second
	longPause  = 10 * time.Second
	// othersPause is how soon it does when none wait here: an ingester that died left its stacks to the others.
	othersPause = time.Minute
	// settledFor is how long a build whose stacks were all looked at is left alone.
	settledFor = 10 * time.Minute
	// pageStacks bounds the stacks of one call.
	pageStacks = 2_000
)

// late knows what the next call of Late has to do and when.
type late struct {
	next    time.Time
	pause   time.Duration
	waiting map[string]bool // builds that stacks of this ingester wait for
	builds  []string        // builds being looked through, nil between passes
	cursor  uint64          // the last stack id looked at
	settled map[string]bool // builds that were complete when all stacks with them were looked at
	since   time.Time       // of settled
}

func newLate() late {
	return late{pause: shortPause, waiting: map[string]bool{}, settled: map[string]bool{}}
}

// waits notes a stack that is stored with frames to resolve. One that a failure left has its builds looked at again.
func (l *late) waits(stack *row.Stack, failed bool) {
	for _, build := range stack.BuildIDs {
		if failed {
			delete(l.settled, build)
		}
		if build != "" && !l.settled[build] && !l.waiting[build] {
			l.waiting[build] = true
			l.soon()
		}
	}
}

func (l *late) soon() { l.pause, l.next = shortPause, time.Time{} }

// Published tells that pieces of a symbol table were stored: the next pass is due at once.
func (s *Symbolizer) Published() { s.late.soon() }

// Due reports whether Late is to be called. All rows must be stored by then, so that it finds them.
func (s *Symbolizer) Due(now time.Time) bool { return !now.Before(s.late.next) }

// Late appends to out the rows of stacks that gain by tables that became complete since they were stored, a page of stacks
// a call: Due says when to call again. The caller stores the rows before that, and calls Again where it could not.
func (s *Symbolizer) Late(ctx context.Context, now time.Time, out *row.Set) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	err := s.latePage(ctx, now, out)
	if err != nil {
		s.late.next = now.Add(s.late.pause)
	}
	return err
}

// Again makes the next pass look at every build anew: what the last one resolved was not stored.
func (s *Symbolizer) Again() { s.late = newLate() }

func (s *Symbolizer) latePage(ctx context.Context, now time.Time, out *row.Set) error {
	l := &s.late
	if l.builds == nil {
		builds, err := s.newlyComplete(ctx, now)
		if err != nil {
			return err
		}
		if len(builds) == 0 {
			l.rest(now)
			return nil
		}
		l.builds, l.cursor = builds, 0
	}
	more, err := s.page(ctx, now, out)
	if err != nil {
		return err
	}
	l.next = now
	if !more {
		for _, build := range l.builds {
			l.settled[build] = true
			delete(l.waiting, build)
		}
		l.builds, l.pause = nil, shortPause
	}
	return nil
}

// rest sets the time of the next pass after one that found nothing.
func (l *late) rest(now time.Time) {
	if len(l.waiting) == 0 {
		l.next = now.Add(othersPause)
		return
	}
	l.next = now.Add(l.pause)
	l.pause = min(2*l.pause, longPause)
}

// newlyComplete lists the builds of unresolved stacks whose tables are complete and that are not settled.
func (s *Symbolizer) newlyComplete(ctx context.Context, now time.Time) ([]string, error) {
	if now.Sub(s.late.since) > settledFor {
		s.late.settled, s.late.since = map[string]bool{}, now
	}
	var rows []struct {
		Build string `ch:"build"`
	}
	db := s.tables.db
	err := db.Select(ctx, &rows, fmt.Sprintf(`SELECT DISTINCT arrayJoin(build_ids) AS build FROM %s.%s FINAL WHERE fp = 0`, db.Name, schema.Stacks().Name))
	if err != nil {
		return nil, fmt.Errorf("look for unresolved stacks: %w", err)
	}
	var wanted []string
	for _, r := range rows {
		if r.Build != "" && !s.late.settled[r.Build] {
			wanted = append(wanted, r.Build)
		}
	}
	if len(wanted) == 0 {
		clear(s.late.waiting)
		return nil, nil
	}
	complete, err := s.tables.complete(ctx, wanted)
	if err != nil {
		return nil, err
	}
	var builds []string
	for build := range complete {
		s.tables.forget(build)
		builds = append(builds, build)
	}
	return builds, nil
}

// page resolves the next stacks after the cursor that have frames of the builds, and appends those that gained by it. more:
// there are others.
func (s *Symbolizer) page(ctx context.Context, now time.Time, out *row.Set) (more bool, err error) {
	var rows []stackRow
	db := s.tables.db
	err = db.Select(ctx, &rows, fmt.Sprintf(`SELECT stack_id, frames_resolved, offsets, modules, build_ids, lines, kernel_release
		FROM %s.%s FINAL WHERE stack_id > ? AND fp = 0 AND hasAny(build_ids, ?) ORDER BY stack_id LIMIT ?`, db.Name, schema.Stacks().Name),
		s.late.cursor, s.late.builds, pageStacks)
	if err != nil {
		return false, fmt.Errorf("read unresolved stacks: %w", err)
	}
	for i := range rows {
		stack := rows[i].stack()
		if err := s.resolve(ctx, &stack); err != nil {
			return false, err
		}
		if stack.Resolved > rows[i].Resolved {
			stack.ReceivedAt = row.Micros(now.UnixMicro())
			out.Stacks = append(out.Stacks, stack)
			s.metrics.late.Inc()
		}
	}
	if len(rows) < pageStacks {
		return false, nil
	}
	s.late.cursor = rows[len(rows)-1].ID
	return true, nil
}

// stackRow is a row of stacks as it is read back.
type stackRow struct {
	ID            uint64   `ch:"stack_id"`
	Resolved      uint16   `ch:"frames_resolved"`
	Offsets       []uint64 `ch:"offsets"`
	Modules       []string `ch:"modules"`
	BuildIDs      []string `ch:"build_ids"`
	Lines         []string `ch:"lines"`
	KernelRelease string   `ch:"kernel_release"`
}

func (r *stackRow) stack() row.Stack {
	frames := make([]schema.Frame, len(r.Offsets))
	for i := range frames {
		frames[i] = schema.Frame{Module: r.Modules[i], BuildID: r.BuildIDs[i], Offset: r.Offsets[i]}
	}
	stack := unresolved(r.ID, frames)
	stack.Lines, stack.KernelRelease = r.Lines, r.KernelRelease
	return stack
}
