// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"tcpledger/bpf"
)

// layout says which kernel side an agent can go on with. Both are hashes in hexadecimal digits.
type layout struct {
	records string // what Read, NextSeqs and Totals must know of it
	all     string // the object and all that is set in it: two of the same are the same kernel side
}

// layoutOf is called when the spec is as it will be loaded.
func layoutOf(spec *ebpf.CollectionSpec, values map[string]any) (layout, error) {
	records, err := recordsHash(spec)
	if err != nil {
		return layout{}, err
	}
	h := sha256.New()
	h.Write(bpf.Object())
	for _, name := range slices.Sorted(maps.Keys(spec.Maps)) {
		fmt.Fprintf(h, "%s %d\n", name, spec.Maps[name].MaxEntries)
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		fmt.Fprintln(h, name)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintln(h, name, values[name])
	}
	return layout{records: records, all: short(h)}, nil
}

func short(h hash.Hash) string { return fmt.Sprintf("%x", h.Sum(nil)[:8]) }

// recordsHash is over the types that the agent reads: names, offsets and sizes of their members, and the numbers that have names.
func recordsHash(spec *ebpf.CollectionSpec) (string, error) {
	h := sha256.New()
	for _, name := range []string{"connection", "event", "stack", "conn_state", "stream", "frames"} {
		var s *btf.Struct
		if err := spec.Types.TypeByName(name, &s); err != nil {
			return "", fmt.Errorf("hash the layout of %s: %w", name, err)
		}
		if err := describe(h, s); err != nil {
			return "", fmt.Errorf("hash the layout of %s: %w", name, err)
		}
	}
	fmt.Fprintln(h, bpf.TotalNames(), bpf.Levels)
	return short(h), nil
}

// describe writes a type in words, members and all.
func describe(w io.Writer, t btf.Type) error {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		fmt.Fprintf(w, "{%d ", t.Size)
		for _, m := range t.Members {
			fmt.Fprintf(w, "%s@%d ", m.Name, m.Offset)
			if err := describe(w, m.Type); err != nil {
				return err
			}
		}
		fmt.Fprint(w, "} ")
		return nil
	case *btf.Array:
		fmt.Fprintf(w, "[%d]", t.Nelems)
		return describe(w, t.Type)
	default:
		size, err := btf.Sizeof(t)
		fmt.Fprintf(w, "%d ", size)
		return err
	}
}
