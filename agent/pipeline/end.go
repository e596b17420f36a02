// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"

	"tcpledger/agent/clock"
	"tcpledger/agent/settle"
	"tcpledger/schema"
)

// end stops the hooks, reads the ring to its end, and closes the account: a number that is missing then is lost for certain.
func (p *Pipeline) end() error {
	began, err := clock.Now()
	p.settle.Stop(began) // 0 if the clock failed: then no ending of those still held is sure of its reset

	err = errors.Join(err, p.capture.SweepHandshakes(), p.capture.Detach()) // tellListeners is the second sweep
	err = errors.Join(err, p.drain(), p.tellListeners(p.now))
	next, totals, at, numbersErr := p.readNumbers()
	if numbersErr != nil {
		return errors.Join(err, numbersErr, p.sink.Finish(p.now))
	}
	if !p.gaps.Complete(next) { // a hook that was still running when it was detached
		err = errors.Join(err, p.drain())
	}
	p.now = max(p.now, at)
	err = errors.Join(err, p.sendLosses(p.gaps.Close(next, at)), p.sendEndings(settle.End))
	if c := p.checkpoints.pending; c != nil { // all that it waited for is accounted for now
		err = errors.Join(err, p.sendCheckpoint(&c.row))
	}
	row := checkpointRow(schema.CheckpointEnd, at, next, totals)
	return errors.Join(err, p.sendCheckpoint(&row), p.observe(), p.sink.Finish(p.now))
}

// drain reads until the ring is empty.
func (p *Pipeline) drain() error {
	for {
		if empty, err := p.read(); empty || err != nil {
			return err
		}
		if err := p.sendEndings(p.now); err != nil {
			return err
		}
	}
}
