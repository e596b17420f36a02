// SPDX-License-Identifier: Apache-2.0

package pipeline

import "tcpledger/schema"

// Sink takes the pipeline's records in order, at kernel time now. A record is valid during the call only; a stack stays as it
// is. Package sink has two: Kafka and a person's terminal.
type Sink interface {
	Connection(c *schema.Connection, now uint64) error
	Event(e *schema.Event, now uint64) error
	Loss(l *schema.Loss, now uint64) error
	Checkpoint(c *schema.Checkpoint, now uint64) error
	// Stack is called before the first record that refers to the stack.
	Stack(s *schema.Stack, now uint64) error
	// Tick is called after each record and whenever the ring is empty.
	Tick(now uint64) error
	// StacksLost reports, once, that stacks given before may not have arrived and must be given again.
	StacksLost() bool
	// Finish is called after the last record.
	Finish(now uint64) error
}
