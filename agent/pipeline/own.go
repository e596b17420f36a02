// SPDX-License-Identifier: Apache-2.0

package pipeline

import "tcpledger/schema"

// sendOwn sends an event that the agent itself found. The kernel side has no number for it: the agent gives one. exe is the owner's
// executable by the kernel side's number.
func (p *Pipeline) sendOwn(e *schema.Event, exe uint32) error {
	p.owners.Fill(&e.Owner, exe)
	e.Stream, e.Seq, e.Weight = schema.AgentStream, p.ownNext, 1
	p.ownNext++
	p.gaps.Observe(e.Stream, e.Seq, e.At)
	p.metrics.records[e.Kind].Inc()
	return p.sink.Event(e, p.now)
}
