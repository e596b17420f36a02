// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"

	"tcpledger/agent/clock"
	"tcpledger/agent/gaps"
	"tcpledger/agent/journal"
	"tcpledger/agent/message"
	"tcpledger/agent/settle"
	"tcpledger/schema"
)

// resume goes on where an earlier run stopped. What that run had read and not brought into a message is lost, unless it is among the
// endings that it left behind.
func (p *Pipeline) resume(past *journal.Past) error {
	endings, err := past.Endings()
	if err != nil {
		return err
	}
	now, err := clock.Now()
	if err != nil {
		return err
	}
	reached := message.NewNumbers(past.Reached...)
	for i := range endings {
		c := &endings[i]
		reached.Add(schema.Range{Stream: c.Stream, From: c.Seq, To: c.Seq})
		p.settle.Hold(c)
	}
	cause := schema.LossAgentKilled
	if past.State.Clean {
		cause = schema.LossRingFull
	}
	p.gaps = gaps.Resume(reached.Ranges(), now, cause)
	p.ownNext, p.lingering.own, p.lingering.from = p.gaps.Next(schema.AgentStream), past.State.LingeringOwn, past.State.LingeringFrom
	p.untold = past.Untold
	if past.Started {
		p.phase = schema.CheckpointTakeover
	}
	return nil
}

// leave sends what is complete, and leaves the endings that wait for their reset to the next run. The hooks go on.
func (p *Pipeline) leave() error {
	err := p.tellListeners(p.now) // the next run goes on from here
	p.askNAT(settle.End)          // when that begins, connection tracking may have forgotten
	err = errors.Join(err, p.journal.Leave(p.state(), p.settle.Held()))
	return errors.Join(err, p.observe(), p.sink.Finish(p.now))
}

// state is what the next run must know of what is counted here.
func (p *Pipeline) state() journal.State {
	s := journal.State{LingeringOwn: p.lingering.own, LingeringFrom: p.lingering.from, Late: p.late(), Early: p.early()}
	s.LostResets, s.ReadAt = p.settle.Lost()
	return s
}

// late counts the numbers that came again, in this run and in earlier ones of the session.
func (p *Pipeline) late() uint64 { return p.before.Late + p.gaps.Late() }

// early counts the endings that left settle before their time, likewise.
func (p *Pipeline) early() uint64 { return p.before.Early + p.settle.Stats().Early }
