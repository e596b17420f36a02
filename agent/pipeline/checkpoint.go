// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"maps"
	"slices"
	"time"

	"tcpledger/agent/clock"
	"tcpledger/schema"
)

// checkpointEvery is how often, in kernel time, a checkpoint is made.
const checkpointEvery = uint64(10e9)

// checkpoints are made one after the other.
type checkpoints struct {
	due     uint64
	pending *pending // nil: none
}

// pending is a checkpoint whose numbers have been read and whose records have not all been sent. It is sent after them: once
// every number below its next ones has arrived or was declared lost, and the endings among them have left settle.
type pending struct {
	row      schema.Checkpoint
	next     map[uint32]uint64
	complete bool
	came     uint64 // the records that must have left settle
}

// beginCheckpoint reads the numbers and totals. A number below those that does not arrive is lost.
func (p *Pipeline) beginCheckpoint(phase string) error {
	next, totals, at, err := p.readNumbers()
	if err != nil {
		return err
	}
	p.gaps.Advance(next, at)
	p.checkpoints = checkpoints{due: at + checkpointEvery, pending: &pending{row: checkpointRow(phase, at, next, totals), next: next}}
	return nil
}

// readNumbers reads the streams' next numbers, then the totals and the time.
func (p *Pipeline) readNumbers() (next map[uint32]uint64, totals map[string]uint64, at uint64, err error) {
	if next, err = p.capture.NextSeqs(); err != nil {
		return nil, nil, 0, err
	}
	if totals, err = p.capture.Totals(); err != nil {
		return nil, nil, 0, err
	}
	if p.ownNext > 0 {
		next[schema.AgentStream] = p.ownNext
	}
	totals[schema.TotalOwn(schema.KindLingering)] = p.lingering.own
	totals[schema.TotalRepeatedRecords] = p.late()
	totals[schema.TotalSettleEarly] = p.early()
	at, err = clock.Now()
	return next, totals, at, err
}

// advanceCheckpoint begins the next checkpoint when its time has come, and sends the pending one when its records are sent.
func (p *Pipeline) advanceCheckpoint() error {
	c := p.checkpoints.pending
	if c == nil {
		if p.now < p.checkpoints.due {
			return nil
		}
		return p.beginCheckpoint(schema.CheckpointPeriodic)
	}
	if !c.complete {
		if !p.gaps.Complete(c.next) {
			return nil
		}
		c.complete, c.came = true, p.settle.Came()
	}
	if p.settle.Left() < c.came {
		return nil
	}
	p.checkpoints.pending = nil
	return p.sendCheckpoint(&c.row)
}

func (p *Pipeline) sendCheckpoint(row *schema.Checkpoint) error {
	p.metrics.checkpoints.WithLabelValues(row.Phase).Inc()
	p.metrics.last.Set(float64(time.Now().UnixMilli()) / 1e3)
	return p.sink.Checkpoint(row, p.now)
}

// checkpointRow lists streams and totals in order; totals of 0 are left out.
func checkpointRow(phase string, at uint64, next map[uint32]uint64, totals map[string]uint64) schema.Checkpoint {
	row := schema.Checkpoint{At: at, Phase: phase, Streams: slices.Sorted(maps.Keys(next))}
	for _, stream := range row.Streams {
		row.Next = append(row.Next, next[stream])
	}
	for _, name := range slices.Sorted(maps.Keys(totals)) {
		if totals[name] > 0 {
			row.Names, row.Totals = append(row.Names, name), append(row.Totals, totals[name])
		}
	}
	return row
}
