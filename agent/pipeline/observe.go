// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"
	"fmt"

	"tcpledger/agent/capture"
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
	if p.sink.Forgot() {
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

// errNotAttached is the health of an agent that has no hooks in the kernel.
var errNotAttached = errors.New("the hooks are not attached")

// Err is a health check: whether the hooks are attached.
func (p *Pipeline) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.attached {
		return errNotAttached
	}
	return nil
}

// Status asks the kernel what stands there on our behalf. It is for people: it walks the maps.
func (p *Pipeline) Status() (capture.Status, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.attached {
		return capture.Status{}, errNotAttached
	}
	return p.capture.Status()
}

// totals are for the scrape.
func (p *Pipeline) totals() (map[string]uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.attached {
		return nil, errNotAttached
	}
	return p.capture.Totals()
}

func (p *Pipeline) setAttached(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.attached = on
}
