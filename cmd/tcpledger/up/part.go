// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"fmt"
	"time"
)

// running is a part while it runs: a child process, or a task in this one.
type running interface {
	// Done is closed when it has ended; then Err says how.
	Done() <-chan struct{}
	Err() error
	// Stop ends it cleanly, or hard when ctx is done first.
	Stop(ctx context.Context) error
}

// part is one piece of the stack and the loop that keeps it running.
type part struct {
	name string
	// start starts it and returns when it answers.
	start func(ctx context.Context) (running, error)
	// stopWithin bounds a clean end.
	stopWithin time.Duration
	say        func(format string, args ...any)

	stopping context.CancelFunc
	kept     chan struct{} // closed when keep has returned
	now      running       // keep's own until kept is closed
}

// How long a part that ended by itself stays down: it doubles, and begins anew after a part ran for steady.
const (
	firstPause = 200 * time.Millisecond
	maxPause   = 10 * time.Second
	steady     = time.Minute
	// restartWithin bounds one try to start a part again.
	restartWithin = time.Minute
)

// begin starts the part and keeps it running until end.
func (p *part) begin(ctx context.Context) error {
	now, err := p.start(ctx)
	if err != nil {
		return err
	}
	ctx, p.stopping = context.WithCancel(context.Background())
	p.now, p.kept = now, make(chan struct{})
	go p.keep(ctx)
	return nil
}

// end stops the part; hurry being done makes it short.
func (p *part) end(hurry context.Context) error {
	p.stopping()
	<-p.kept
	if p.now == nil {
		return nil // it was down
	}
	ctx, cancel := context.WithTimeout(hurry, p.stopWithin)
	defer cancel()
	return p.now.Stop(ctx)
}

// keep starts the part again whenever it ends, until ctx is done.
func (p *part) keep(ctx context.Context) {
	defer close(p.kept)
	pause := firstPause
	for {
		since := time.Now()
		select {
		case <-ctx.Done():
			return
		case <-p.now.Done():
		}
		if ctx.Err() != nil {
			return
		}
		p.say("%s; starting it again", ending(p.name, p.now.Err()))
		if time.Since(since) > steady {
			pause = firstPause
		}
		p.now = p.again(ctx, &pause)
		if p.now == nil {
			return
		}
		p.say("%s is back", p.name)
	}
}

// again tries until the part runs; it returns nil when ctx is done first. Only the first failure of a row is told.
func (p *part) again(ctx context.Context, pause *time.Duration) running {
	for told := false; ; told = true {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(*pause):
		}
		*pause = min(*pause*2, maxPause)
		within, cancel := context.WithTimeout(ctx, restartWithin)
		now, err := p.start(within)
		cancel()
		if err == nil {
			return now
		}
		if !told && ctx.Err() == nil {
			p.say("%s does not start, trying on: %v", p.name, err)
		}
	}
}

func ending(name string, err error) string {
	if err == nil {
		return name + " ended"
	}
	return err.Error()
}

// task is a part inside this process.
type task struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// newTask runs work until its context is done.
func newTask(name string, work func(ctx context.Context) error) *task {
	ctx, cancel := context.WithCancel(context.Background())
	t := &task{name: name, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		if err := work(ctx); err != nil && ctx.Err() == nil {
			t.err = fmt.Errorf("%s ended: %w", name, err)
		}
	}()
	return t
}

// Done is closed when the work has returned.
func (t *task) Done() <-chan struct{} { return t.done }

// Err is what the work returned, unless it was told to end.
func (t *task) Err() error {
	select {
	case <-t.done:
		return t.err
	default:
		return nil
	}
}

// Stop ends the work and waits for it.
func (t *task) Stop(ctx context.Context) error {
	t.cancel()
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return fmt.Errorf("%s did not end in time", t.name)
	}
}
