// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"strings"

	"tcpledger/internal/text"
)

func (r *Report) writeMarkdown(w io.Writer, l Layout) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", text.Markdown(r.Title))
	for _, line := range r.Head {
		fmt.Fprintf(&b, "\n%s\n", text.Markdown(line))
	}
	for i := range r.Sections {
		r.Sections[i].writeMarkdown(&b)
	}
	if l.SQL {
		r.writeFences(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *Section) writeMarkdown(b *strings.Builder) {
	if !s.shown() {
		return
	}
	if s.Title != "" {
		fmt.Fprintf(b, "\n## %s\n", text.Markdown(s.Title))
	}
	if s.Err != nil {
		fmt.Fprintf(b, "\n**%s**\n", text.Markdown(s.why()))
		return
	}
	for i := range s.Tables {
		s.Tables[i].writeMarkdown(b)
	}
	if len(s.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, note := range s.Notes {
		fmt.Fprintf(b, "- %s\n", text.Markdown(note))
	}
}

func (t *Table) writeMarkdown(b *strings.Builder) {
	b.WriteString("\n")
	for _, c := range t.Columns {
		b.WriteString("| " + text.Markdown(c.Name) + " ")
	}
	b.WriteString("|\n")
	for _, c := range t.Columns {
		b.WriteString(map[bool]string{true: "|---", false: "|---:"}[c.Words])
	}
	b.WriteString("|\n")
	for _, row := range t.Rows {
		for _, cell := range row {
			b.WriteString("| " + text.Markdown(cell) + " ")
		}
		b.WriteString("|\n")
	}
	if t.More > 0 {
		fmt.Fprintf(b, "\n%s\n", text.Markdown(more(t.More)))
	}
}

// writeFences writes the questions of each section, in fences that no text inside can close.
func (r *Report) writeFences(b *strings.Builder) {
	b.WriteString("\n## SQL\n")
	for i := range r.Sections {
		s := &r.Sections[i]
		if len(s.SQL) == 0 {
			continue
		}
		sql := lines(strings.Join(s.SQL, "\n"))
		fence := "```"
		for strings.Contains(sql, fence) {
			fence += "`"
		}
		fmt.Fprintf(b, "\n### %s\n\n%ssql\n%s\n%s\n", text.Markdown(s.heading()), fence, strings.TrimRight(sql, "\n"), fence)
	}
}

// heading is the section's title, or its name if it has none.
func (s *Section) heading() string {
	if s.Title != "" {
		return s.Title
	}
	return s.Name
}
