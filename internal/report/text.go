// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"tcpledger/internal/text"
)

// maxReason bounds an error for people: the server's may hold the whole statement, which JSON shows.
const maxReason = 200

func reason(err error) string { return text.Line(err.Error(), maxReason) }

// why says why the section has no answer.
func (s *Section) why() string {
	if s.Gone {
		return "no longer known: " + reason(s.Err)
	}
	return "no answer: " + reason(s.Err)
}

// more says that an answer has more rows than are shown.
func more(n uint64) string { return "… and " + text.Count(n) + " more, see --top" }

func (r *Report) writeText(w io.Writer, l Layout) error {
	var b strings.Builder
	for _, line := range r.Head {
		b.WriteString(text.Printable(line) + "\n")
	}
	for i := range r.Sections {
		r.Sections[i].writeText(&b, l)
	}
	if cut(b.String(), l.Width) {
		fmt.Fprintf(&b, "\nCUT  at the terminal's %d columns; whole through a pipe: tcpledger … | cat\n", l.Width)
	}
	if l.SQL {
		for i := range r.Sections {
			for _, sql := range r.Sections[i].SQL {
				b.WriteString("\n" + lines(sql))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// lines makes each line of s printable.
func lines(s string) string {
	parts := strings.Split(s, "\n")
	for i, line := range parts {
		parts[i] = text.Printable(line)
	}
	return strings.Join(parts, "\n")
}

func (s *Section) writeText(b *strings.Builder, l Layout) {
	title := strings.ToUpper(s.Title)
	switch {
	case s.Err != nil && title == "":
		fmt.Fprintf(b, "%s\n", s.why())
	case s.Err != nil:
		fmt.Fprintf(b, "\n%s  %s\n", title, s.why())
	case !s.shown():
	case len(s.Tables) > 0:
		for i := range s.Tables {
			b.WriteString("\n" + s.Tables[i].text(title, l) + "\n")
			if s.Tables[i].More > 0 {
				b.WriteString(more(s.Tables[i].More) + "\n")
			}
			title = "" // a second table has its own first name
		}
		writeNotes(b, "  ", s.Notes)
	case title == "":
		writeNotes(b, "", s.Notes)
	case len(s.Notes) == 1:
		fmt.Fprintf(b, "\n%s  %s\n", title, text.Printable(s.Notes[0]))
	case len(s.Notes) > 0:
		b.WriteString("\n" + title + "\n")
		writeNotes(b, "  ", s.Notes)
	}
}

func writeNotes(b *strings.Builder, indent string, notes []string) {
	for _, note := range notes {
		b.WriteString(indent + text.Printable(note) + "\n")
	}
}

// text gives the table. Its first name is the section's title, so that a heading takes no line of its own.
func (t *Table) text(title string, l Layout) string {
	var names []string
	var words []int
	for i, c := range t.Columns {
		names = append(names, strings.ToUpper(c.Name))
		if c.Words {
			words = append(words, i+1)
		}
	}
	if title != "" {
		names[0] = title
	}
	out := text.NewTable(l.Width, names, words...)
	for _, row := range t.Rows {
		cells := make([]any, len(row))
		for i, cell := range row {
			cells[i] = text.Printable(cell)
		}
		out.Row(cells...)
	}
	return out.String()
}

// cut reports whether a line of a table did not fit into width.
func cut(text string, width int) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if width > 0 && utf8.RuneCountInString(line) >= width && strings.HasSuffix(line, "…") {
			return true
		}
	}
	return false
}
