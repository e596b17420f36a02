// SPDX-License-Identifier: Apache-2.0

package stacks

import "tcpledger/schema"

// ownFrames counts the leading frames that are ours: the kernel's way from a tracepoint into a BPF program. Which of them a
// stack begins with differs by kernel, tracepoint and load, so they are cut by name. An address without a name is ours if
// such a frame follows it: it is a program younger than the table.
func (t *table) ownFrames(frames []uint64) int {
	own := 0
	for i, addr := range frames {
		m := t.find(addr)
		if m == nil {
			continue
		}
		name, _, ok := t.nearest(m, addr)
		if ok && schema.ClassOf(name) != schema.FrameProbe {
			break
		}
		if ok {
			own = i + 1
		}
	}
	return own
}
