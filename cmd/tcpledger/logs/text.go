// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tcpledger/internal/text"
	lines "tcpledger/query/logs"
	"tcpledger/query/when"
)

// text writes the report for a person.
func (r *Report) text(zone *time.Location) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s to %s\n", when.Show(r.From.In(zone)), when.Show(r.To.In(zone)))
	if r.Absent != "" {
		fmt.Fprintf(&b, "%s\n", text.Line(r.Absent, 2*maxBody))
	}
	if len(r.Services) == 0 {
		b.WriteString("\nno lines and no spans in the window\n")
		r.writeStorms(&b, zone)
		return b.String()
	}
	fmt.Fprintf(&b, "\n%s\n", explainedTable("LINES", r.Services, false))
	if len(r.Errors) > 0 {
		fmt.Fprintf(&b, "\n%s\n", explainedTable("ERRORS", r.Errors, true))
	}
	if len(r.Mentioned) > 0 {
		fmt.Fprintf(&b, "\n%s\n", mentionedTable(r.Mentioned))
	}
	r.writeStorms(&b, zone)
	if len(r.Matches) > 0 {
		fmt.Fprintf(&b, "\n%s\n", matchesTable(r.Matches, zone))
	}
	return b.String()
}

func dot(n uint64) string { return text.Dot(n, text.Count) }

// explainedTable counts lines by how many endings fit; with examples it shows one that none explains.
func explainedTable(title string, all []lines.Explained, examples bool) *text.Table {
	t := text.NewTable(0, []string{title, "LINES", "ONE ENDING", "SEVERAL", "NONE", map[bool]string{false: "BY", true: "NO ENDING EXPLAINS"}[examples]}, 1, 6)
	for i := range all {
		e := &all[i]
		last := text.Line(e.Example, maxBody)
		if !examples {
			last = hows(e.Hows)
		}
		t.Row(text.Line(e.Service, maxName), dot(e.Lines), dot(e.One), dot(e.Several), dot(e.Unexplained), last)
	}
	return t
}

// hows lists how often lines were matched in which way, by name.
func hows(all map[string]uint64) string {
	var parts []string
	for _, how := range slices.Sorted(maps.Keys(all)) {
		if all[how] > 0 {
			parts = append(parts, how+" "+text.Count(all[how]))
		}
	}
	return strings.Join(parts, ", ")
}

func mentionedTable(all []lines.Mentioned) *text.Table {
	t := text.NewTable(0, []string{"ENDINGS OF", "PORT", "ENDINGS", "A LINE NAMES", "A LINE FITS", "NO LINE", "SHARE"}, 1)
	for i := range all {
		m := &all[i]
		t.Row(text.Line(m.Service, maxName), fmt.Sprint(m.Port), dot(m.Endings), dot(m.ByEnds), dot(m.ByPlace), dot(m.Unheard), fmt.Sprintf("%.1f %%", 100*m.Share()))
	}
	return t
}

// writeStorms says of each storm how many of its endings a line mentions.
func (r *Report) writeStorms(b *strings.Builder, zone *time.Location) {
	if len(r.Storms) == 0 {
		return
	}
	t := text.NewTable(0, []string{"STORM", "OF", "MOSTLY", "ENDINGS", "A LINE MENTIONS", ""}, 1, 2, 3, 6)
	for i := range r.Storms {
		s := &r.Storms[i]
		mostly, unheard := "?", ""
		if len(s.Factors) > 0 {
			mostly = s.Factors[0].Dimension + " " + text.Line(s.Factors[0].Value, maxName)
		}
		if s.Endings > 0 && s.Mentioned == 0 {
			unheard = "no line mentions it"
		}
		t.Row(when.Show(s.Began.In(zone)), s.Departed[0].What, mostly, dot(s.Endings), dot(s.Mentioned), unheard)
	}
	fmt.Fprintf(b, "\n%s\n", t)
}

func matchesTable(all []lines.Match, zone *time.Location) *text.Table {
	t := text.NewTable(0, []string{"AT", "SERVICE", "LINE", "FITS", "HOST", "CAUSE", "LOCAL", "REMOTE"}, 1, 2, 3, 4, 5, 6, 7, 8)
	for i := range all {
		m := &all[i]
		cells := []any{m.At.In(zone).Format(clockForm), text.Line(m.Service, maxName), text.Line(m.Body, maxName), matched(m), "", "", "", ""}
		if m.Candidates > 0 {
			copy(cells[4:], []any{text.Line(m.Ending.Host, maxName), text.Line(m.Cause, maxName), m.Local().String(), m.Remote().String()})
		}
		t.Row(cells...)
	}
	return t
}

// printable is a text of many lines without what a terminal would act on.
func printable(s string) string {
	all := strings.Split(s, "\n")
	for i, line := range all {
		all[i] = text.Printable(strings.ReplaceAll(line, "\t", "    "))
	}
	return strings.Join(all, "\n")
}
