// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// StackID is the 64-bit hash (xxHash64) of a stack's (build id, offset) frames: the same on every host with that build.
// Never 0, which means that no stack was taken.
func StackID(frames []Frame) uint64 {
	h := xxhash.New()
	var b [9]byte
	for _, f := range frames {
		_, _ = h.WriteString(f.BuildID)
		binary.LittleEndian.PutUint64(b[1:], f.Offset) // b[0] = 0 ends the build id
		_, _ = h.Write(b[:])
	}
	if id := h.Sum64(); id != 0 {
		return id
	}
	return 1
}
