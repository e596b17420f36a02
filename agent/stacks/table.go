// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"sort"
	"strings"

	"tcpledger/schema"
)

// symbol is a text symbol: its distance from its module's base, and the place of its name in the table's names.
type symbol struct {
	offset uint32
	name   uint32
}

// module is a range of text, [base, end), with the symbols in it by offset and then name: the order of the symbols table,
// so that all who look for a name find the same first one.
type module struct {
	name    string // as schema.Frame has it
	buildID string
	base    uint64
	end     uint64
	symbols []symbol
}

// table is all the kernel's text at one moment. It is immutable. All names stand in one string, each ended by a NUL.
type table struct {
	modules []module // by base, none overlapping
	names   string
}

// find gives the module that holds addr, nil if none is known.
func (t *table) find(addr uint64) *module {
	i := sort.Search(len(t.modules), func(i int) bool { return t.modules[i].base > addr })
	if i == 0 || addr >= t.modules[i-1].end {
		return nil
	}
	return &t.modules[i-1]
}

// nearest gives the first name of the last symbol at or before addr in m, and addr's distance from it.
func (t *table) nearest(m *module, addr uint64) (name string, offset uint64, ok bool) {
	distance := addr - m.base
	i := sort.Search(len(m.symbols), func(i int) bool { return uint64(m.symbols[i].offset) > distance })
	if i == 0 {
		return "", 0, false
	}
	at := m.symbols[i-1].offset
	i = sort.Search(i, func(i int) bool { return m.symbols[i].offset >= at })
	return t.name(m.symbols[i].name), distance - uint64(at), true
}

// name shares the table's memory.
func (t *table) name(at uint32) string {
	rest := t.names[at:]
	return rest[:strings.IndexByte(rest, 0)]
}

// module gives the first module of a build id, nil if none is loaded; "" is no build id.
func (t *table) module(buildID string) *module {
	for i := range t.modules {
		if buildID != "" && t.modules[i].buildID == buildID {
			return &t.modules[i]
		}
	}
	return nil
}

// symbols gives a module's symbols; their names share the table's memory.
func (t *table) symbols(m *module) []schema.Symbol {
	out := make([]schema.Symbol, len(m.symbols))
	for i, s := range m.symbols {
		out[i] = schema.Symbol{Offset: uint64(s.offset), Name: t.name(s.name)}
	}
	return out
}

// size gives the number of symbols and the bytes that the table takes in memory.
func (t *table) size() (symbols, bytes int) {
	const perSymbol, perModule = 8, 80
	for i := range t.modules {
		symbols += len(t.modules[i].symbols)
	}
	return symbols, symbols*perSymbol + len(t.modules)*perModule + len(t.names)
}
