// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Part is one of the programs whose health the page shows. Check asks it and says in a few words how it is; it must end with
// its context.
type Part struct {
	Name  string
	Check func(context.Context) (detail string, err error)
}

// partTimeout bounds a check.
const partTimeout = 2 * time.Second

// condition is how a part was at the last check. Since is when it was first seen failing, zero while it answers.
type condition struct {
	Name   string
	Detail string
	Err    error
	Since  time.Time
}

// Answers reports whether a failing part answered and said itself what fails.
func (c condition) Answers() bool { return errors.As(c.Err, new(trouble)) }

// trouble is what a part says of itself.
type trouble struct{ text string }

// Error is the text for the page.
func (t trouble) Error() string { return t.text }

// watch checks parts and remembers since when one fails. It is safe for concurrent use.
type watch struct {
	parts []Part
	mu    sync.Mutex
	since map[string]time.Time
}

func newWatch(parts []Part) *watch { return &watch{parts: parts, since: map[string]time.Time{}} }

// look checks all parts at once.
func (w *watch) look(ctx context.Context, now time.Time) []condition {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	out := make([]condition, len(w.parts))
	var g errgroup.Group
	for i, part := range w.parts {
		g.Go(func() error {
			detail, err := part.Check(ctx)
			out[i] = condition{Name: part.Name, Detail: detail, Err: err}
			return nil
		})
	}
	_ = g.Wait() // the checks' errors are in out
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range out {
		c := &out[i]
		if c.Err == nil {
			delete(w.since, c.Name)
			continue
		}
		if w.since[c.Name].IsZero() {
			w.since[c.Name] = now
		}
		c.Since = w.since[c.Name]
	}
	return out
}
