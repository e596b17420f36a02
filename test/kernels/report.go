// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// The words of a verdict, from best to worst. A scenario's cell shows the worst of its rows.
const (
	Right   = "right"
	Skipped = "skipped"
	Unknown = "unknown"
	Wrong   = "wrong"
)

var badness = []string{Right, Skipped, Unknown, Wrong}

// Run is what one kernel's run of the suite said.
type Run struct {
	Kernel  string // as the table's head names it
	Release string // uname -r
	cells   map[string]cell
	shows   map[string]string // what it shows beside the rows: yes, some or no
	shown   []string          // the keys of shows in the order in which they came
	failure string            // why it does not count
}

// cell is the worst verdict of a scenario's rows with its reason.
type cell struct{ word, why string }

// Line reads a line of the suite's output. It returns whether the line was one for the table.
func (r *Run) Line(line string) bool {
	fields := strings.Split(line, "\t")
	switch {
	case fields[0] == "VERDICT" && len(fields) >= 4 && slices.Contains(badness, fields[2]):
		r.verdict(fields[1], cell{fields[2], strings.Join(fields[3:], " ")})
	case fields[0] == "SHOWS" && len(fields) == 3:
		if r.shows == nil {
			r.shows = map[string]string{}
		}
		if _, again := r.shows[fields[1]]; !again { // a guest that was booted once more says it once more
			r.shown = append(r.shown, fields[1])
		}
		r.shows[fields[1]] = fields[2]
	default:
		return false
	}
	return true
}

func (r *Run) verdict(scenario string, c cell) {
	if r.cells == nil {
		r.cells = map[string]cell{}
	}
	before, ok := r.cells[scenario]
	if !ok || slices.Index(badness, c.word) > slices.Index(badness, before.word) {
		r.cells[scenario] = c
	}
}

// cell returns the scenario's verdict. A scenario without one is wrong.
func (r *Run) cell(scenario string) cell {
	if c, ok := r.cells[scenario]; ok {
		return c
	}
	return cell{Wrong, "no verdict"}
}

// Wrongs lists what was wrong, by scenario.
func (r *Run) Wrongs(scenarios []string) []string {
	var out []string
	for _, s := range scenarios {
		if c := r.cell(s); c.word == Wrong {
			out = append(out, s+": "+c.why)
		}
	}
	return out
}

// Table returns the tables of the page: scenarios by kernel with the reasons as footnotes, then what each kernel shows.
func Table(scenarios []string, runs []*Run) string {
	var b strings.Builder
	head := []string{"scenario"}
	for _, r := range runs {
		head = append(head, r.Kernel)
	}
	row(&b, head...)
	row(&b, slices.Repeat([]string{"---"}, len(head))...)
	var notes []string
	for _, s := range scenarios {
		cells := []string{s}
		for _, r := range runs {
			c := r.cell(s)
			text := c.word
			if c.word == Wrong {
				text = "**wrong**"
			}
			if c.why != "" {
				text += " " + note(&notes, c.why)
			}
			cells = append(cells, text)
		}
		row(&b, cells...)
	}
	for i, n := range notes {
		fmt.Fprintf(&b, "\n(%d) %s\n", i+1, n)
	}
	shows(&b, head[1:], runs)
	return b.String()
}

// note numbers a reason, the same one once.
func note(notes *[]string, why string) string {
	i := slices.Index(*notes, why)
	if i < 0 {
		i = len(*notes)
		*notes = append(*notes, why)
	}
	return fmt.Sprintf("(%d)", i+1)
}

func shows(b *strings.Builder, kernels []string, runs []*Run) {
	b.WriteString("\n")
	row(b, append([]string{"seen beside the rows"}, kernels...)...)
	row(b, slices.Repeat([]string{"---"}, len(kernels)+1)...)
	cells := []string{"release"}
	for _, r := range runs {
		cells = append(cells, "`"+r.Release+"`")
	}
	row(b, cells...)
	var all []string
	for _, r := range runs {
		for _, what := range r.shown {
			if !slices.Contains(all, what) {
				all = append(all, what)
			}
		}
	}
	for _, what := range all {
		cells := []string{what}
		for _, r := range runs {
			cells = append(cells, r.shows[what])
		}
		row(b, cells...)
	}
}

func row(b *strings.Builder, cells ...string) {
	for _, c := range cells {
		b.WriteString("| " + strings.ReplaceAll(c, "|", `\|`) + " ")
	}
	b.WriteString("|\n")
}

// The markers between which WriteTable writes.
const (
	tableBegins = "<!-- written by make test-kernels -->"
	tableEnds   = "<!-- end -->"
)

// WriteTable puts the table into the page, between its markers.
func WriteTable(page, table string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), tableBegins)
	_, after, ended := strings.Cut(rest, tableEnds)
	if !ok || !ended {
		return fmt.Errorf("%s has no %s … %s", page, tableBegins, tableEnds)
	}
	return os.WriteFile(page, []byte(before+tableBegins+"\n\n"+table+"\n"+tableEnds+after), 0o644)
}
