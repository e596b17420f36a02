// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"crypto/sha256"
	"fmt"
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
	records, err := describeRecords(spec)
	if err != nil {
		return layout{}, err
	}
	all := slices.Clone(bpf.Object())
	for _, name := range slices.Sorted(maps.Keys(spec.Maps)) {
		all = fmt.Appendln(all, name, spec.Maps[name].MaxEntries)
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		all = fmt.Appendln(all, name)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = fmt.Appendln(all, name, values[name])
	}
	return layout{records: short(records), all: short(all)}, nil
}

func short(text []byte) string {
	sum := sha256.Sum256(text)
	return fmt.Sprintf("%x", sum[:8])
}

// describeRecords has the types that the agent reads, and the numbers that have names.
func describeRecords(spec *ebpf.CollectionSpec) ([]byte, error) {
	var text []byte
	for _, name := range []string{"connection", "event", "stack", "conn_state", "stream", "frames"} {
		var s *btf.Struct
		err := spec.Types.TypeByName(name, &s)
		if err == nil {
			text, err = describe(text, s)
		}
		if err != nil {
			return nil, fmt.Errorf("hash the layout of %s: %w", name, err)
		}
	}
	return fmt.Appendln(text, bpf.TotalNames(), bpf.Levels), nil
}

// describe appends a type in words, members and all.
func describe(text []byte, t btf.Type) ([]byte, error) {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		text = fmt.Appendf(text, "{%d ", t.Size)
		for _, m := range t.Members {
			var err error
			if text, err = describe(fmt.Appendf(text, "%s@%d ", m.Name, m.Offset), m.Type); err != nil {
				return nil, err
			}
		}
		return append(text, "} "...), nil
	case *btf.Array:
		return describe(fmt.Appendf(text, "[%d]", t.Nelems), t.Type)
	default:
		size, err := btf.Sizeof(t)
		return fmt.Appendf(text, "%d ", size), err
	}
}
