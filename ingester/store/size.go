// SPDX-License-Identifier: Apache-2.0

package store

// growAfter is the number of acknowledged inserts after which a table tries larger blocks again.
const growAfter = 64

// blockSize is how many rows of a table the server takes at once: it halves with each block that is refused for its size, and
// doubles after many that are not. The zero value has no limit.
type blockSize struct {
	limit int // 0: none
	good  int // acknowledged since the limit changed
}

// of gives how many of rows to insert at once.
func (s *blockSize) of(rows int) int {
	if s.limit == 0 {
		return rows
	}
	return min(rows, s.limit)
}

// refused notes that a block of so many rows is too large.
func (s *blockSize) refused(rows int) { *s = blockSize{limit: max(1, rows/2)} }

// acknowledged notes that the server took a block.
func (s *blockSize) acknowledged() {
	if s.limit == 0 {
		return
	}
	if s.good++; s.good == growAfter {
		*s = blockSize{limit: 2 * s.limit}
	}
	if s.limit > maxLimit {
		*s = blockSize{}
	}
}

// maxLimit is more rows than a flush has by default: from there on a limit would only cost.
const maxLimit = 1_000_000
