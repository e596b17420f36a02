// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"tcpledger/schema"
)

const (
	// pastLast is how far the text of a module may go on after its last symbol: kallsyms has no sizes.
	pastLast = 64 << 10
	page     = 4096
)

// identity gives build ids: that of a module's ELF note, or a hash in its place.
type identity struct {
	note   func(module string) string // "" for no note
	kernel string                     // release and version, for the hash of a module without a note
}

// table builds the packed table. skip names the modules to leave out: while a module loads, kallsyms lists its init text too.
func (k *kallsyms) table(id identity, skip func(module string) bool) *table {
	t := &table{names: k.names.String()}
	for name, symbols := range k.modules {
		switch {
		case name == "":
			t.modules = append(t.modules, k.vmlinux(t, id, *symbols))
		case name == schema.ModuleBPF || strings.HasPrefix(name, "__builtin__"):
			t.modules = append(t.modules, generated(t, name, *symbols)...)
		case !skip(name):
			t.modules = append(t.modules, kernelObject(t, id, name, *symbols))
		}
	}
	slices.SortFunc(t.modules, func(a, b module) int { return cmp.Compare(a.base, b.base) })
	for i := 1; i < len(t.modules); i++ {
		t.modules[i-1].end = min(t.modules[i-1].end, t.modules[i].base)
	}
	return t
}

func (k *kallsyms) vmlinux(t *table, id identity, symbols []found) module {
	base, last := span(symbols)
	if k.stext != 0 {
		base = k.stext
	}
	end := k.etext
	if end <= base {
		end = last + pastLast
	}
	m := module{name: schema.ModuleKernel, base: base, end: end, symbols: packed(t, symbols, base)}
	m.buildID = id.of(t, &m, "")
	return m
}

func kernelObject(t *table, id identity, name string, symbols []found) module {
	base, last := span(symbols)
	m := module{name: name, base: base, end: (last + pastLast) &^ (page - 1), symbols: packed(t, symbols, base)}
	m.buildID = id.of(t, &m, name)
	return m
}

// generated makes each symbol a module of its own: BPF programs, trampolines, probe pages. Each is loaded and unloaded alone.
func generated(t *table, name string, symbols []found) []module {
	modules := make([]module, len(symbols))
	for i, s := range symbols {
		modules[i] = module{name: name, buildID: generatedID(t.name(s.name)), base: s.addr, end: s.addr + pastLast,
			symbols: []symbol{{name: s.name}}}
	}
	return modules
}

// generatedID is "bpf:" and the tag, a hash of the instructions, for bpf_prog_<tag>_<name>; "~" and the name without
// the number that the kernel gave it for the rest.
func generatedID(symbol string) string {
	if rest, ok := strings.CutPrefix(symbol, "bpf_prog_"); ok {
		tag, _, _ := strings.Cut(rest, "_")
		return "bpf:" + tag
	}
	return "~" + strings.TrimRight(symbol, "_0123456789")
}

// of is the module's build id. Without a note it is "~" and a hash of the kernel's release and version, the module's name and its
// symbol table, which is the same on every host with that build.
func (id identity) of(t *table, m *module, noteOf string) string {
	if note := id.note(noteOf); note != "" {
		return note
	}
	h := xxhash.New()
	_, _ = h.WriteString(id.kernel + "\x00" + m.name + "\x00")
	var b [4]byte
	for _, s := range m.symbols {
		binary.LittleEndian.PutUint32(b[:], s.offset)
		_, _ = h.Write(b[:])
		_, _ = h.WriteString(t.name(s.name) + "\x00")
	}
	return fmt.Sprintf("~%016x", h.Sum64())
}

func span(symbols []found) (lowest, last uint64) {
	lowest = math.MaxUint64
	for _, s := range symbols {
		lowest, last = min(lowest, s.addr), max(last, s.addr)
	}
	return lowest, last
}

// packed leaves out symbols before base (arm64's head text) or 4 GiB after it.
func packed(t *table, symbols []found, base uint64) []symbol {
	out := make([]symbol, 0, len(symbols))
	for _, s := range symbols {
		if s.addr >= base && s.addr-base <= math.MaxUint32 {
			out = append(out, symbol{offset: uint32(s.addr - base), name: s.name})
		}
	}
	slices.SortFunc(out, func(a, b symbol) int {
		if c := cmp.Compare(a.offset, b.offset); c != 0 {
			return c
		}
		return strings.Compare(t.name(a.name), t.name(b.name))
	})
	return out
}
