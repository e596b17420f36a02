// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"fmt"
	"io"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"tcpledger/agent/clock"
	"tcpledger/agent/print"
	"tcpledger/schema"
)

const (
	// clockEvery is how often, in kernel time, the wall clock is measured again.
	clockEvery = uint64(1e9)
	// maxStacks bounds the stacks kept for later lines.
	maxStacks = 4096
)

// Terminal is the sink for a person: one line a record, no Kafka. It is for one goroutine.
type Terminal struct {
	printer  *print.Printer
	stacks   *lru.Cache[uint64, *schema.Stack]
	clock    schema.Clock
	clockDue uint64
}

// NewTerminal makes a Terminal on w. names gives the frames of a stack as text, to be printed below the lines; nil prints none.
func NewTerminal(w io.Writer, options print.Options, names func(*schema.Stack) []string) (*Terminal, error) {
	kept, err := lru.New[uint64, *schema.Stack](maxStacks)
	if err != nil {
		return nil, fmt.Errorf("make the stack cache: %w", err)
	}
	t := &Terminal{stacks: kept}
	if names != nil {
		options.Stacks = func(id uint64) []string {
			s, ok := t.stacks.Get(id)
			if !ok {
				return nil
			}
			return names(s)
		}
	}
	t.printer = print.New(w, options)
	return t, t.Tick(0)
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

// Checkpoint prints nothing: a terminal is not audited.
func (t *Terminal) Checkpoint(*schema.Checkpoint, uint64) error { return nil }

// Stack keeps a stack for the lines that refer to it. s must not change any more.
func (t *Terminal) Stack(s *schema.Stack, _ uint64) error {
	t.stacks.Add(s.ID, s)
	return nil
}

// Tick measures the wall clock now and then.
func (t *Terminal) Tick(now uint64) (err error) {
	if now >= t.clockDue {
		t.clockDue = now + clockEvery
		t.clock, err = clock.Measure()
	}
	return err
}

// StacksLost is always false.
func (t *Terminal) StacksLost() bool { return false }

// Finish does nothing: each line is printed at once.
func (t *Terminal) Finish(uint64) error { return nil }
