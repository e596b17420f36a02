// SPDX-License-Identifier: Apache-2.0

package normalize

import (
	"fmt"

	"github.com/google/uuid"

	"tcpledger/ingester/row"
	"tcpledger/schema"
)

// Host appends the host of a judged meta message to out if the message describes one. It fills source, which the rows point at.
func Host(m *schema.Meta, a Arrival, source *row.Source, out *row.Set) {
	boot, _ := uuid.Parse(m.BootID) // the judge has parsed it
	*source = row.Source{Host: m.Host, BootID: boot, Session: m.Session, Run: m.Run, ClockOff: a.ClockOff,
		ReceivedAt: row.Micros(a.ReceivedAt.UnixMicro())}
	if m.Agent.AgentVersion != "" {
		machine, err := uuid.Parse(m.Agent.MachineID)
		out.Hosts = append(out.Hosts, row.Host{Source: source, StartedAt: row.Micros(m.At / 1000), KernelRelease: m.KernelRelease, Facts: m.Agent,
			MachineID: uuid.NullUUID{UUID: machine, Valid: err == nil}})
	}
}

// Stacks appends the stacks of a meta message to out, with their addresses in hex: their names come later, so that no row
// waits for a symbol table.
func Stacks(m *schema.Meta, source *row.Source, out *row.Set) {
	for i := range m.Stacks {
		frames := m.Stacks[i].Frames
		n := len(frames)
		s := row.Stack{ID: m.Stacks[i].ID, KernelRelease: m.KernelRelease, ReceivedAt: source.ReceivedAt, Symbols: make([]string, n),
			Offsets: make([]uint64, n), Modules: make([]string, n), BuildIDs: make([]string, n), Lines: make([]string, n)}
		for i, f := range frames {
			s.Symbols[i], s.Offsets[i], s.Modules[i], s.BuildIDs[i] = fmt.Sprintf("%#x", f.Offset), f.Offset, f.Module, f.BuildID
		}
		out.Stacks = append(out.Stacks, s)
	}
}

// Symbols appends the rows of a piece of a symbol table to out.
func Symbols(p *schema.SymbolPiece, a Arrival, out *row.Set) {
	for _, s := range p.Symbols {
		out.Symbols = append(out.Symbols, row.Symbol{BuildID: p.BuildID, Module: p.Module, Piece: p.Piece, Pieces: p.Pieces, Offset: s.Offset,
			Name: s.Name, Hash: p.Hash, ReceivedAt: row.Micros(a.ReceivedAt.UnixMicro())})
	}
}
