// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"tcpledger/bpf"
)

// ErrStackMismatch says that frames do not have the hash they were kept under.
var ErrStackMismatch = errors.New("stack does not match its hash")

const sweepChunk = 512

// sweepBuffers are reused by every sweep.
type sweepBuffers struct {
	hashes []uint64
	frames []bpf.Frames
}

// Stack finds the frames of a hash, innermost first; false if they are not (or
// no longer) in the map. The hash is verified. The frames are the caller's.
func (c *Capture) Stack(hash uint64) ([]uint64, bool, error) {
	if c.collection == nil {
		return nil, false, ErrNotStarted
	}
	var frames bpf.Frames
	err := c.collection.Maps["stacks"].Lookup(hash, &frames)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read stack %x: %w", hash, err)
	}
	if frames.Hash() != hash {
		return nil, false, fmt.Errorf("stack %x: %w", hash, ErrStackMismatch)
	}
	return frames[:frames.Depth()], true, nil
}

// SweepStacks takes every stack out of the map and hands it to take, whose
// frames are valid during the call only. A record read before or after may
// carry a hash that was swept: whoever sweeps remembers. Stacks that do not
// match their hash are left out and returned as an error after the rest.
func (c *Capture) SweepStacks(take func(hash uint64, frames []uint64)) error {
	if c.collection == nil {
		return ErrNotStarted
	}
	if c.sweep.hashes == nil {
		c.sweep.hashes = make([]uint64, sweepChunk)
		c.sweep.frames = make([]bpf.Frames, sweepChunk)
	}
	var cursor ebpf.MapBatchCursor
	var mismatch error
	for {
		n, err := c.collection.Maps["stacks"].BatchLookupAndDelete(&cursor, c.sweep.hashes, c.sweep.frames, nil)
		mismatch = errors.Join(mismatch, c.handOver(n, take))
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return mismatch
		}
		if err != nil {
			return errors.Join(fmt.Errorf("sweep the stack map: %w", err), mismatch)
		}
	}
}

func (c *Capture) handOver(n int, take func(hash uint64, frames []uint64)) error {
	var mismatch error
	for i, hash := range c.sweep.hashes[:n] {
		frames := &c.sweep.frames[i]
		if frames.Hash() != hash {
			mismatch = errors.Join(mismatch, fmt.Errorf("stack %x: %w", hash, ErrStackMismatch))
			continue
		}
		take(hash, frames[:frames.Depth()])
	}
	return mismatch
}
