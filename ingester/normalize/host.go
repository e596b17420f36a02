// SPDX-License-Identifier: Apache-2.0

package normalize

import (
	"fmt"

	"github.com/google/uuid"

	"tcpledger/ingester/row"
	"tcpledger/schema"
)

// Host appends the host of a meta message to out, where the message describes one, and notes in fault what cannot be a
// row. source is filled; it reports whether the rest of the message can be used.
func Host(m *schema.Meta, a Arrival, source *row.Source, out *row.Set, fault *row.Fault) bool {
	boot, err := uuid.Parse(m.BootID)
	if err != nil {
		fault.Add(row.FaultBootID, fmt.Sprintf("boot id %q is no UUID", m.BootID))
		return false
	}
	*source = row.Source{Host: m.Host, BootID: boot, Session: m.Session, Run: m.Run, ClockOff: a.ClockOff,
		ReceivedAt: row.Micros(a.ReceivedAt.UnixMicro())}
	if m.Agent.AgentVersion == "" {
		return true // it only carries stacks
	}
	at := row.Micros(m.At / 1000)
	if m.At < 0 || at >= endOfTime {
		fault.Add(row.FaultTime, fmt.Sprintf("%d ns is outside 1970 to 2105", m.At))
		return true
	}
	out.Hosts = append(out.Hosts, row.Host{Source: source, StartedAt: at, KernelRelease: m.KernelRelease, Facts: m.Agent})
	return true
}

// Symbols appends the rows of a piece of a symbol table to out.
func Symbols(p *schema.SymbolPiece, out *row.Set) {
	for _, s := range p.Symbols {
		out.Symbols = append(out.Symbols, row.Symbol{BuildID: p.BuildID, Module: p.Module, Piece: p.Piece, Pieces: p.Pieces, Offset: s.Offset, Name: s.Name})
	}
}
