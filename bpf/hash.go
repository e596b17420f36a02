// SPDX-License-Identifier: Apache-2.0

package bpf

// Frames is a stack as the stack map keeps it: innermost first, then zeroes.
type Frames [MaxFrames]uint64

// Hash is the map's key for these frames, never 0; stack.h computes the same.
func (f *Frames) Hash() uint64 {
	hash := uint64(MaxFrames)
	for _, frame := range f {
		hash = mix(hash, frame)
	}
	hash = mix(hash, hash>>32)
	if hash == 0 {
		return 1
	}
	return hash
}

// Depth counts the frames before the zeroes.
func (f *Frames) Depth() int {
	depth := MaxFrames
	for depth > 0 && f[depth-1] == 0 {
		depth--
	}
	return depth
}

func mix(hash, value uint64) uint64 {
	hash ^= value
	hash *= 0x9e3779b97f4a7c15
	return hash ^ hash>>29
}
