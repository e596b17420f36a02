// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"tcpledger/agent/nat"
	"tcpledger/agent/settle"
	"tcpledger/schema"
)

// natAfter is how long after its end, in nanoseconds of kernel time, a connection is looked up at the latest: before it leaves settle, and
// long before connection tracking forgets it.
const natAfter = settle.Window / 2

// translations has connection tracking asked for the endings that settle holds, each once. Without a table it does nothing.
type translations struct {
	table *nat.Table
	asked uint64 // of the records that came to settle
	batch []*schema.Connection
}

// askNAT asks for the endings that are not asked for, if they fill a batch or the oldest of them waits no longer at kernel time now.
func (p *Pipeline) askNAT(now uint64) {
	n := &p.nat
	if n.table == nil {
		return
	}
	n.asked = max(n.asked, p.settle.Left())
	for p.settle.Came() > n.asked && (p.settle.Came()-n.asked >= nat.Batch || p.natDue(now)) {
		n.batch = n.batch[:0]
		for c := range p.settle.HeldFrom(n.asked) {
			if n.batch = append(n.batch, c); len(n.batch) == nat.Batch {
				break
			}
		}
		n.asked += uint64(len(n.batch))
		n.table.Ask(n.batch)
	}
}

// natDue reports whether the oldest ending that is not asked for waits no longer.
func (p *Pipeline) natDue(now uint64) bool {
	for c := range p.settle.HeldFrom(p.nat.asked) {
		return now >= c.At+natAfter
	}
	return false
}
