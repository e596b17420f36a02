// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"io"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"tcpledger/agent/batch"
	"tcpledger/agent/print"
	"tcpledger/agent/stacks"
	"tcpledger/schema"
)

const (
	// clockEvery is how often, in kernel time, the wall clock is looked at again.
	clockEvery = uint64(1e9)
	// shownStacks bounds the stacks kept for lines to come.
	shownStacks = 4096
)

// Terminal is the Sink for a person: one line a record, no Kafka.
type Terminal struct {
	printer  *print.Printer
	resolver *stacks.Resolver
	stacks   *lru.Cache[uint64, *schema.Stack]
	clock    schema.Clock
	clockDue uint64
}

// NewTerminal makes a Terminal on w; with stacks below the lines if withStacks.
func NewTerminal(w io.Writer, options print.Options, withStacks bool, resolver *stacks.Resolver) (*Terminal, error) {
	kept, err := lru.New[uint64, *schema.Stack](shownStacks)
	if err != nil {
		return nil, fmt.Errorf("make the stack cache: %w", err)
	}
	t := &Terminal{resolver: resolver, stacks: kept}
	if withStacks {
		options.Stacks = t.frames
	}
	t.printer = print.New(w, options)
	return t, t.Tick(0)
}

func (t *Terminal) frames(id uint64) []string {
	s, ok := t.stacks.Get(id)
	if !ok {
		return nil
	}
	return t.resolver.Names(s)
}

func (t *Terminal) wall(at uint64) time.Time {
	return time.Unix(0, (&schema.Header{Clock: t.clock}).Wall(at))
}

// Connection prints a line.
func (t *Terminal) Connection(c *schema.Connection, _ uint64) error {
	return t.printer.Connection(c, t.wall(c.At))
}

// Event prints a line.
func (t *Terminal) Event(e *schema.Event, _ uint64) error { return t.printer.Event(e, t.wall(e.At)) }

// Loss prints a line.
func (t *Terminal) Loss(l *schema.Loss, _ uint64) error { return t.printer.Loss(l, t.wall(l.At)) }

// Checkpoint prints nothing: nobody audits a terminal.
func (t *Terminal) Checkpoint(*schema.Checkpoint, uint64) error { return nil }

// Stack keeps a stack for the lines that refer to it.
func (t *Terminal) Stack(s *schema.Stack, _ uint64) error {
	t.stacks.Add(s.ID, s)
	return nil
}

// Tick looks at the wall clock now and then.
func (t *Terminal) Tick(now uint64) (err error) {
	if now >= t.clockDue {
		t.clockDue = now + clockEvery
		t.clock, err = batch.MeasureClock()
	}
	return err
}

// Forgot is always false.
func (t *Terminal) Forgot() bool { return false }

// Finish has nothing to do: each line went out at once.
func (t *Terminal) Finish(uint64) error { return nil }
