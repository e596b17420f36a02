// SPDX-License-Identifier: Apache-2.0

package main

import (
	"unsafe"

	"tcpledger/internal/program"
	"tcpledger/schema"
)

const (
	// lists is what the agent remembers in lists of a fixed length: control groups (19 MiB of long Kubernetes paths), processes, names,
	// pods (2 MiB of the longest names), builds, losses, gaps.
	lists = 40 << 20
	// symbolTables is the kernel's symbols with all modules, twice: a new table is made while the one before is in use.
	symbolTables = 32 << 20
	// inFlight is the requests to Kafka under way, compressed and not.
	inFlight = 8 << 20
	// spooling is what is read of the spool at a time, in requests of their own, and the losses of a segment that is dropped.
	spooling = 12 << 20
	// perStack is an entry of the stack cache: the hash, the id, and their places in three lists.
	perStack = 256
	// perMessage is what the queue keeps beside a message's bytes, as a part of them.
	perMessage = 8
)

// memory is the most that the agent takes by its settings.
func (o *options) memory() program.Memory {
	queue := uint64(o.queue.QueueBytes)
	endings := uint64(o.limits.MaxSettling) * uint64(unsafe.Sizeof(schema.Connection{})+64) * 2 // the ring grows by doubling
	onDisk := uint64(0)
	if o.spoolDir() != "" {
		onDisk = spooling
	}
	return program.Memory{
		Heap:    queue + queue/perMessage + endings + uint64(o.cachedStacks())*perStack + lists + symbolTables + inFlight + onDisk,
		Outside: o.capture.KernelBytes(),
	}
}

// cachedStacks is how many stacks the agent remembers: some times what the kernel holds, since the kernel forgets.
func (o *options) cachedStacks() int { return 4 * o.capture.StackEntries }
