// SPDX-License-Identifier: Apache-2.0

package symbolize

import (
	"sort"

	"tcpledger/schema"
)

// table is the symbol table of one build, packed: the names of a kernel are megabytes.
type table struct {
	offsets []uint64 // ascending
	ends    []uint32 // of each name in names
	names   []byte
}

func (t *table) add(offset uint64, name string) {
	t.names = append(t.names, name...)
	t.offsets = append(t.offsets, offset)
	t.ends = append(t.ends, uint32(len(t.names)))
}

// bytes estimates the table's memory.
func (t *table) bytes() int { return 12*cap(t.offsets) + cap(t.names) }

// hash is the hash of the table as an agent computes it.
func (t *table) hash() uint64 {
	h, begin := schema.NewSymbolHash(), uint32(0)
	for i, end := range t.ends {
		h.Add(t.offsets[i], string(t.names[begin:end]))
		begin = end
	}
	return h.Sum()
}

// find gives the function that contains an address and the address's distance from the function's beginning. returning says
// that the address is a return address: it may be the first byte after a function whose last call never returns, so find looks
// one byte before it.
func (t *table) find(offset uint64, returning bool) (name string, distance uint64, ok bool) {
	at := offset
	if returning && at > 0 {
		at--
	}
	i := sort.Search(len(t.offsets), func(i int) bool { return t.offsets[i] > at }) - 1
	if i < 0 {
		return "", 0, false
	}
	first := i
	for first > 0 && t.offsets[first-1] == t.offsets[i] {
		first-- // of several names of one address always the first
	}
	begin := uint32(0)
	if first > 0 {
		begin = t.ends[first-1]
	}
	return string(t.names[begin:t.ends[first]]), offset - t.offsets[first], true
}
