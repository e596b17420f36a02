// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"strings"
	"time"

	"tcpledger/internal/text"
	"tcpledger/query"
	"tcpledger/query/when"
)

const (
	// maxSessions and maxFindings bound what the text shows; JSON has all.
	maxSessions = 50
	maxFindings = 100
	// shortBoot is how much of a boot id the table shows.
	shortBoot = 8
)

// heads are the titles of the verdicts.
var heads = map[query.Verdict]string{
	query.Complete:   "COMPLETE       every number that the checkpoints promise is in a table once, or in a loss",
	query.NotKnown:   "NOT YET KNOWN  all that is promised is there; more may be promised",
	query.Incomplete: "INCOMPLETE     the tables do not hold each promised number once",
}

// textOf writes an audit for a person.
func textOf(a *query.Audit, zone *time.Location) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s to %s", when.Show(a.From.In(zone)), when.Show(a.To.In(zone)))
	if a.Host != "" {
		fmt.Fprintf(&b, ", host %s", text.Printable(a.Host))
	}
	fmt.Fprintf(&b, "\n\n%s\n", heads[a.Verdict])
	if len(a.Sessions) > 0 {
		fmt.Fprintf(&b, "\n%s\n", table(a))
	}
	if a.Summed > 0 {
		fmt.Fprintf(&b, "\n%s whole hours are counted by numbers_1h, the rest by rows\n", text.Count(uint64(a.Summed)))
	}
	writeFindings(&b, a.Findings)
	return b.String()
}

func table(a *query.Audit) *text.Table {
	t := text.NewTable(0, []string{"HOST", "BOOT", "SESSION", "PROMISED", "CONNECTIONS", "EVENTS", "LOSS", "DEAD LETTERS", "MISSING", "TWICE", "VERDICT"}, 1, 2, 3, 11)
	row := func(host, boot, session string, n *query.Numbers, v query.Verdict) {
		t.Row(host, boot, session, dot(n.Promised), dot(n.Connections), dot(n.Events), dot(n.Lost), dot(n.DeadLetters), dot(n.Missing), dot(n.Twice), string(v))
	}
	for i := range a.Sessions {
		if i == maxSessions {
			row(fmt.Sprintf("and %s more", text.Count(uint64(len(a.Sessions)-maxSessions))), "", "", &query.Numbers{}, "")
			break
		}
		s := &a.Sessions[i]
		row(text.Printable(s.Host), s.BootID[:min(shortBoot, len(s.BootID))], fmt.Sprint(s.Session), &s.Numbers, s.Verdict)
	}
	if len(a.Sessions) > 1 {
		row("all", "", "", &a.Total, a.Verdict)
	}
	return t
}

func dot(n uint64) string { return text.Dot(n, text.Count) }

func writeFindings(b *strings.Builder, findings []query.Finding) {
	for i, f := range findings {
		if i == 0 {
			b.WriteString("\nFINDINGS\n")
		}
		if i == maxFindings {
			fmt.Fprintf(b, "  … and %s more, see --format json\n", text.Count(uint64(len(findings)-maxFindings)))
			return
		}
		fmt.Fprintf(b, "  %s: %s\n", f.Case, text.Printable(f.Text))
	}
}
