// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"errors"
	"slices"

	"tcpledger/internal/report"
	"tcpledger/query"
	"tcpledger/schema"
)

// sentAgain says why packets were sent again, and which drops of which hosts explain how many of them. One question answers both. People
// see nothing if no packet was sent again.
func sentAgain(ctx context.Context, a *asked) []report.Section {
	packets, droppers, err := a.client.Resent(ctx, a.Window, a.Filter, a.Top)
	why := report.Section{Name: "sent_again", Title: "Sent again", Data: packets}
	by := report.Section{Name: "dropped_by", Title: "Dropped by", Data: droppers}
	if len(packets) > 0 {
		why.Tables = []report.Table{reasonsTable(packets)}
		why.Notes = []string{"packets, by the drop that explains them, up to 130 s before; “no drop seen” is not “lost in the network”: see docs/retransmits.md"}
	}
	if len(droppers) > 0 {
		by.Tables = []report.Table{droppersTable(droppers)}
		by.Notes = []string{"packets that were sent again since this host dropped them, or acknowledgements for them"}
	}
	out := []report.Section{why, by}
	for i := range out {
		out[i].Err, out[i].Gone = err, errors.As(err, new(*query.AgedError))
	}
	return out
}

func reasonsTable(packets []query.Resent) report.Table {
	t := report.Table{Columns: slices.Concat(report.Words("because"), report.Numbers("packets", "skipped", "dropped here", "elsewhere", "its ack", "no drop seen", "not known"))}
	for i := range packets {
		p := &packets[i]
		t.Rows = append(t.Rows, []string{because(p), dot(p.Packets), dot(max(p.Records, p.Packets) - p.Packets), dot(p.Here), dot(p.Elsewhere), dot(p.Acks), dot(p.NoDrop), dot(p.NotKnown)})
	}
	return t
}

// because is why packets were sent again.
func because(p *query.Resent) string {
	switch {
	case p.Why != "":
		return p.Why
	case p.Kind == schema.KindRetransmitSynack.String():
		return "synack_timeout"
	}
	return "(unknown)"
}

func droppersTable(droppers []query.Dropper) report.Table {
	t := report.Table{Columns: slices.Concat(report.Words("host"), report.Numbers("packets", "sent here", "its ack", "connections", "senders"), report.Words("way", "reason"))}
	for i := range droppers {
		d := &droppers[i]
		t.Rows = append(t.Rows, []string{d.Host, dot(d.Packets), dot(d.Here), dot(d.Acks), dot(d.Connections), dot(d.Senders), d.Direction, d.Reason})
	}
	t.More = beyond(droppers[0].Groups, len(droppers))
	return t
}
