// SPDX-License-Identifier: Apache-2.0

package pipeline

import "tcpledger/agent/clock"

const (
	// upkeepEvery is how often, in kernel time, the pipeline looks after itself.
	upkeepEvery = uint64(100e6)
	// saveEvery is how many of those lie between two states in the journal.
	saveEvery = 10
	// sweepEvery is how many of those lie between two looks at the stack map.
	sweepEvery = 100
)

// upkeep counts the rounds of upkeep.
type upkeep struct {
	due   uint64
	times uint64
}

// keepUp does the upkeep that is due at kernel time now.
func (p *Pipeline) keepUp() error {
	if p.now < p.upkeep.due {
		return nil
	}
	p.upkeep.due = p.now + upkeepEvery
	p.upkeep.times++
	if err := p.observe(); err != nil {
		return err
	}
	if p.sink.StacksLost() {
		p.stacks.Forget() // each is sent again before the next record that refers to it
	}
	if p.upkeep.times%saveEvery == 0 {
		p.journal.Save(p.state())
	}
	if p.upkeep.times%sweepEvery == 0 {
		return p.sweep()
	}
	return nil
}

// observe sets the gauges and has settle look for lost resets.
func (p *Pipeline) observe() error {
	stats := p.settle.Stats()
	p.metrics.held.Set(float64(stats.Held))
	p.metrics.merged.Set(float64(stats.Merged))
	p.metrics.early.Set(float64(stats.Early))
	p.metrics.repeated.Set(float64(p.gaps.Late()))
	p.metrics.gaps.Set(float64(p.gaps.Open()))
	now, err := clock.Now()
	if err != nil {
		return err
	}
	p.metrics.lag.Set(float64(now-min(now, p.now)) / 1e9)
	return p.settle.Watch()
}
