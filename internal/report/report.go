// SPDX-License-Identifier: Apache-2.0

// Package report is an answer in sections, and the four forms in which people and programs read it: text for a terminal, Markdown,
// JSON, and one HTML file that needs no other. A section says what it has; how it is written is decided here, once, and so is what
// becomes of a hostile name. The same report gives the same bytes.
package report

import (
	"fmt"
	"html/template"
	"io"

	"tcpledger/internal/text"
)

// The forms of a report.
const (
	Text     = "text"
	Markdown = "markdown"
	JSON     = "json"
	HTML     = "html"
)

// Formats lists the forms of a report.
func Formats() []string { return []string{Text, Markdown, JSON, HTML} }

// Report is an answer: a title, what it is about in a few lines, fields that only JSON has, and sections.
type Report struct {
	Title    string
	Head     []string
	Fields   text.Object
	Sections []Section
}

// Section is one part of a report. A part whose question failed has Err, and no form of the report hides that. One that has neither
// tables nor notes nor a picture is in JSON only.
type Section struct {
	Name    string        // its name in JSON
	Title   string        // its heading; "" for a section whose notes belong to the head
	Data    any           // its value in JSON; nil becomes []
	Picture template.HTML // an SVG picture, in HTML only; whoever makes it escapes its texts
	Tables  []Table
	Notes   []string // sentences
	SQL     []string // the questions behind it, as they were sent
	Err     error
	Gone    bool // Err says that what the answer was made of is no longer kept: nothing failed
}

// shown reports whether the section has something for people.
func (s *Section) shown() bool {
	return s.Err != nil || len(s.Tables) > 0 || len(s.Notes) > 0 || s.Picture != ""
}

// Table is rows of cells. More is how many rows the answer has beyond these.
type Table struct {
	Columns []Column
	Rows    [][]string
	More    uint64
}

// Column is the name of a column. One that holds Words is written to the left, numbers to the right.
type Column struct {
	Name  string
	Words bool
}

// Numbers makes columns of numbers.
func Numbers(names ...string) []Column { return columns(names, false) }

// Words makes columns of words.
func Words(names ...string) []Column { return columns(names, true) }

func columns(names []string, words bool) []Column {
	out := make([]Column, len(names))
	for i, name := range names {
		out[i] = Column{name, words}
	}
	return out
}

// Layout says how a report is written: Width is the terminal's in columns, 0 for no limit, and SQL asks for the questions too.
type Layout struct {
	Width int
	SQL   bool
}

// Write writes the report in that form.
func (r *Report) Write(w io.Writer, format string, l Layout) error {
	switch format {
	case Text:
		return r.writeText(w, l)
	case Markdown:
		return r.writeMarkdown(w, l)
	case JSON:
		return r.writeJSON(w, l)
	case HTML:
		return r.writeHTML(w, l)
	}
	return fmt.Errorf("a report has no form %q", format)
}

// Failed counts the sections whose question failed.
func (r *Report) Failed() (n int) {
	for i := range r.Sections {
		if r.Sections[i].Err != nil && !r.Sections[i].Gone {
			n++
		}
	}
	return n
}
