// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"

	"tcpledger/agent/stacks"
)

// sweepEvery is how many observations lie between two sweeps of the stack map.
const sweepEvery = 100

// observe sets the gauges, empties the stack map now and then, and gives stacks again that may not have arrived.
func (p *Pipeline) observe() error {
	p.observeDue = p.now + observeEvery
	stats := p.settle.Stats()
	p.metrics.held.Set(float64(stats.Held))
	p.metrics.merged.Set(float64(stats.Merged))
	p.metrics.early.Set(float64(stats.Early))
	p.metrics.repeated.Set(float64(p.gaps.Late()))
	p.metrics.gaps.Set(float64(p.gaps.Open()))
	err := p.unseen.look()
	if err != nil {
		return err
	}
	now := p.unseen.at
	p.metrics.lag.Set(float64(now-min(now, p.now)) / 1e9)
	if p.sink.StacksLost() {
		if p.stacks.cache, err = stacks.NewCache(p.resolver, p.remember); err != nil {
			return fmt.Errorf("make the stack cache: %w", err)
		}
	}
	p.observed++
	if p.observed%sweepEvery == 0 {
		return p.stacks.sweep()
	}
	return nil
}
