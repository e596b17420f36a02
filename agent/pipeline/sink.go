// SPDX-License-Identifier: Apache-2.0

package pipeline

import "tcpledger/schema"

// Sink takes what the pipeline made, in order, at kernel time now. What it is given is valid during the call. Kafka and a
// person's terminal are the two.
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
