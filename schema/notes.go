// SPDX-License-Identifier: Apache-2.0

package schema

import "fmt"

// notes are the views that note in touched which five minutes an insert had rows of. A note may be seen before its rows, and
// stay without them when the server is killed between: it only says what to compute.
func notes(t Target) []View {
	var out []View
	for _, n := range []struct{ table, source, bucket string }{
		{"connections", "connections", "toStartOfFiveMinutes(inserted.closed_at)"},
		{"events", "events", "toStartOfFiveMinutes(inserted.at)"},
		{"loss", "losses", "toStartOfFiveMinutes(inserted.at)"},
		// The next checkpoint's loss is the difference from this one.
		{"checkpoints", "losses", "toStartOfFiveMinutes(inserted.at) + 300 * arrayJoin([0, 1])"},
	} {
		selected := fmt.Sprintf("SELECT %s AS source, %s AS bucket, now64(3, 'UTC') AS at FROM {db}.%s{local} AS inserted GROUP BY bucket", Quote(n.source), n.bucket, n.table)
		out = append(out, t.materialized("touched_by_"+n.table, 1, "TO {db}.touched{local}", selected, "Notes which five minutes got rows in "+n.table))
	}
	return out
}

// materialized is a view that writes what it selects: into says when and where.
func (t Target) materialized(name string, edition int, into, selected, doc string) View {
	return marked(name, edition, t.render("CREATE OR REPLACE MATERIALIZED VIEW {db}."+name+"{on_cluster}\n"+into+" AS\n"+selected), doc)
}
