// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"

	"tcpledger/agent/capture"
	"tcpledger/bpf"
	"tcpledger/schema"
)

// maxInline bounds the frames kept that came with the records because the stack map was full.
const maxInline = 1024

// frames is the stacks.Source: frames come from the stack map, or came inline just before their record.
type frames struct {
	capture *capture.Capture
	inline  map[uint64][]uint64
}

func newFrames(c *capture.Capture) *frames { return &frames{capture: c, inline: map[uint64][]uint64{}} }

// Frames gives the frames of a hash, those that came inline only once.
func (f *frames) Frames(hash uint64) ([]uint64, error) {
	if frames, ok := f.inline[hash]; ok {
		delete(f.inline, hash)
		return frames, nil
	}
	return f.capture.Stack(hash)
}

// keep takes frames that came inline; the record that refers to them follows.
func (f *frames) keep(in *bpf.Stack) {
	if len(f.inline) >= maxInline {
		clear(f.inline)
	}
	f.inline[in.Hash] = append([]uint64(nil), in.Frames[:in.Depth]...)
}

// stack gives the stack id of a hash, 0 for none. The stack itself goes to the sink before the first record that refers to it.
func (p *Pipeline) stack(hash uint64) (uint64, error) {
	id, isNew, err := p.stacks.Intern(hash, p.frames)
	switch {
	case errors.Is(err, capture.ErrNoStack):
		p.metrics.stacks.WithLabelValues(stackMissing).Inc()
		return 0, nil
	case err != nil:
		p.metrics.stacks.WithLabelValues(stackMismatch).Inc()
		return 0, nil
	}
	return id, p.publishStack(isNew)
}

func (p *Pipeline) publishStack(s *schema.Stack) error {
	if s == nil {
		return nil
	}
	p.metrics.stacks.WithLabelValues(stackNew).Inc()
	return p.sink.Stack(s, p.now)
}

// sweep empties the stack map into the cache if it is more than half full: later records may still refer to the stacks. Until then
// the map keeps them for the next run of the agent. Stacks that the map does not give are counted; their records go without.
func (p *Pipeline) sweep() error {
	if crowded, err := p.capture.StacksCrowded(); err != nil || !crowded {
		return err
	}
	for swept, err := range p.capture.SweepStacks() {
		if err != nil {
			p.metrics.stacks.WithLabelValues(stackMismatch).Inc()
			continue
		}
		_, isNew := p.stacks.Add(swept.Hash, swept.Frames)
		if err := p.publishStack(isNew); err != nil {
			return err
		}
	}
	return nil
}
