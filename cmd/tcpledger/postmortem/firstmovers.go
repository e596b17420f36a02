// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"

	"tcpledger/internal/report"
	"tcpledger/query"
)

// Mover is the endings in which one side moved first, by this side's role.
type Mover struct {
	Initiator string `json:"initiator"`
	Role      string `json:"role"`
	query.Counts
}

func firstMovers(ctx context.Context, a *asked) (report.Section, error) {
	return grouping[Mover]{
		what: "moved first", by: []query.Dimension{query.Initiator, query.Role},
		row:    func(g *query.Group) (Mover, error) { return Mover{g.Key[0], g.Key[1], g.Counts}, nil },
		counts: func(m *Mover) *query.Counts { return &m.Counts }, name: (*Mover).String,
	}.ask(ctx, a)
}

// String says who moved first in plain words.
func (m *Mover) String() string {
	this := map[string]string{"client": "the client", "server": "the server"}
	other := map[string]string{"client": "the server", "server": "the client"}
	switch m.Initiator {
	case "local":
		return named(this, m.Role, "one side") + ", here"
	case "peer":
		return named(other, m.Role, "the other side") + ", at the other end"
	case "kernel":
		return "the kernel of " + named(this, m.Role, "this side")
	}
	return "not known"
}

func named(names map[string]string, role, without string) string {
	if name, ok := names[role]; ok {
		return name
	}
	return without
}
