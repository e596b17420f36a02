// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"tcpledger/agent/stacks"
	"tcpledger/bpf"
)

// mostInline bounds the frames kept that came with the records because the stack map was full.
const mostInline = 1024

// stackIDs turns the kernel side's hashes into stack ids. Frames come from the stack map, which is emptied now and then,
// or inline.
type stackIDs struct {
	pipeline *Pipeline
	cache    *stacks.Cache
	inline   map[uint64][]uint64
	hash     uint64                  // the one that frames is asked for
	frames   func() ([]uint64, bool) // made once: a closure a record would be garbage
}

func newStackIDs(p *Pipeline, cache *stacks.Cache) *stackIDs {
	s := &stackIDs{pipeline: p, cache: cache, inline: map[uint64][]uint64{}}
	s.frames = s.find
	return s
}

// id gives the stack id of a hash, 0 for none. A stack that is new goes to the sink first.
func (s *stackIDs) id(hash uint64) (uint64, error) {
	if hash == 0 {
		return 0, nil
	}
	s.hash = hash
	id, fresh := s.cache.Intern(hash, s.frames)
	if fresh == nil {
		return id, nil
	}
	s.pipeline.metrics.stacks.WithLabelValues("new").Inc()
	return id, s.pipeline.sink.Stack(fresh, s.pipeline.now)
}

func (s *stackIDs) find() ([]uint64, bool) {
	if frames, ok := s.inline[s.hash]; ok {
		delete(s.inline, s.hash)
		return frames, true
	}
	frames, ok, err := s.pipeline.capture.Stack(s.hash)
	if err != nil {
		s.pipeline.metrics.stacks.WithLabelValues("mismatch").Inc()
		return nil, false
	}
	if !ok {
		s.pipeline.metrics.stacks.WithLabelValues("missing").Inc()
	}
	return frames, ok
}

// keep takes frames that came inline; the record that refers to them follows.
func (s *stackIDs) keep(in *bpf.Stack) {
	s.pipeline.metrics.stacks.WithLabelValues("inline").Inc()
	if len(s.inline) >= mostInline {
		clear(s.inline)
	}
	s.inline[in.Hash] = append([]uint64(nil), in.Frames[:in.Depth]...)
}

// sweep empties the stack map. The cache remembers what was in it for the records that still refer to it.
func (s *stackIDs) sweep() error {
	var failed error
	err := s.pipeline.capture.SweepStacks(func(hash uint64, frames []uint64) {
		_, fresh := s.cache.Intern(hash, func() ([]uint64, bool) { return frames, true })
		if fresh != nil && failed == nil {
			s.pipeline.metrics.stacks.WithLabelValues("new").Inc()
			failed = s.pipeline.sink.Stack(fresh, s.pipeline.now)
		}
	})
	if err != nil {
		s.pipeline.metrics.stacks.WithLabelValues("mismatch").Inc()
	}
	return failed
}
