// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"
	"os"

	"tcpledger/bpf"
	"tcpledger/schema"
)

// end stops the hooks, reads the ring to its end, and closes the account: what is missing then is lost for certain.
func (p *Pipeline) end() error {
	err := p.capture.Detach()
	err = errors.Join(err, p.drain())
	next, totals, at, numbersErr := p.readNumbers()
	if numbersErr != nil {
		return errors.Join(err, numbersErr, p.sink.Finish(p.now))
	}
	if !p.gaps.Complete(next) { // a hook that was still running when it was detached
		err = errors.Join(err, p.drain())
	}
	p.now = max(p.now, at)
	err = errors.Join(err, p.lose(p.gaps.Settle(next, at)))
	p.settle.Flush(p.emit)
	if p.pending != nil { // all that it waited for is accounted for now
		err = errors.Join(err, p.emitCheckpoint(&p.pending.row))
	}
	row := checkpointRow(schema.CheckpointEnd, at, next, totals)
	return errors.Join(err, p.emitCheckpoint(&row), p.observe(), p.sink.Finish(p.now), p.err)
}

// drain reads until the ring is empty.
func (p *Pipeline) drain() error {
	for {
		err := p.capture.Read(&p.record)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return p.idle()
		case errors.Is(err, bpf.ErrMalformed):
			p.metrics.malformed.Inc()
		case err != nil:
			return err
		default:
			if err := p.take(&p.record); err != nil {
				return err
			}
			p.settle.Due(p.now, p.emit)
		}
	}
}
