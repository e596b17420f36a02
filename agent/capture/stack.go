// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"iter"

	"github.com/cilium/ebpf"

	"tcpledger/bpf"
)

// ErrNoStack says that a hash is not, or no longer, in the stack map.
var ErrNoStack = errors.New("stack is not in the map")

// ErrStackMismatch says that frames do not have the hash they were kept under.
var ErrStackMismatch = errors.New("stack does not match its hash")

const sweepChunk = 512

// sweepBuffers are reused by every sweep.
type sweepBuffers struct {
	hashes []uint64
	frames []bpf.Frames
}

// Stack finds the frames of a hash, innermost first; ErrNoStack if they are not in the map. The hash is verified. The frames
// are the caller's.
func (c *Capture) Stack(hash uint64) ([]uint64, error) {
	if c.collection == nil {
		return nil, ErrNotStarted
	}
	var frames bpf.Frames
	err := c.collection.Maps["stacks"].Lookup(hash, &frames)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, ErrNoStack
	}
	if err != nil {
		return nil, fmt.Errorf("read stack %x: %w", hash, err)
	}
	if frames.Hash() != hash {
		return nil, fmt.Errorf("stack %x: %w", hash, ErrStackMismatch)
	}
	return frames[:frames.Depth()], nil
}

// StacksCrowded reports whether more than half of the stack map is taken.
func (c *Capture) StacksCrowded() (bool, error) {
	if c.collection == nil {
		return false, ErrNotStarted
	}
	stacks := c.collection.Maps["stacks"]
	used, err := entries(stacks)
	if err != nil {
		return false, fmt.Errorf("count the stacks: %w", err)
	}
	return used > uint64(stacks.MaxEntries())/2, nil
}

// SweptStack is a stack that SweepStacks took out of the map. Its frames are valid until the next one.
type SweptStack struct {
	Hash   uint64
	Frames []uint64
}

// SweepStacks takes every stack out of the map and gives it. A record read before or after may refer to a hash that was
// swept: whoever sweeps remembers. A stack that does not match its hash comes without frames and with ErrStackMismatch; the
// sweep goes on. Any other error ends it. A loop that ends early loses the stacks that were taken and not given.
func (c *Capture) SweepStacks() iter.Seq2[SweptStack, error] {
	return func(yield func(SweptStack, error) bool) {
		if c.collection == nil {
			yield(SweptStack{}, ErrNotStarted)
			return
		}
		if c.sweep.hashes == nil {
			c.sweep.hashes, c.sweep.frames = make([]uint64, sweepChunk), make([]bpf.Frames, sweepChunk)
		}
		var cursor ebpf.MapBatchCursor
		for {
			n, err := c.collection.Maps["stacks"].BatchLookupAndDelete(&cursor, c.sweep.hashes, c.sweep.frames, nil)
			if !c.sweep.give(n, yield) || errors.Is(err, ebpf.ErrKeyNotExist) {
				return
			}
			if err != nil {
				yield(SweptStack{}, fmt.Errorf("sweep the stack map: %w", err))
				return
			}
		}
	}
}

// give yields the first n stacks and reports whether the loop goes on.
func (b *sweepBuffers) give(n int, yield func(SweptStack, error) bool) bool {
	for i, hash := range b.hashes[:n] {
		stack, err := SweptStack{Hash: hash}, error(nil)
		if frames := &b.frames[i]; frames.Hash() == hash {
			stack.Frames = frames[:frames.Depth()]
		} else {
			err = fmt.Errorf("stack %x: %w", hash, ErrStackMismatch)
		}
		if !yield(stack, err) {
			return false
		}
	}
	return true
}
