// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tcpledger/schema/vocabulary"
)

// page is a document with a generated table between two marks. The rest of the document is written by hand.
type page struct {
	path  string
	what  string
	table func() string
}

var pages = []page{
	{"docs/losses.md", "totals", totalsTable},
	{"docs/agent.md", "kinds", kindsTable},
	{"docs/verdicts.md", "flags", evidenceTable},
}

func (p *page) begins() string {
	return "<!-- The " + p.what + ": generated from schema/vocabulary/" + p.what + ".go (make generate); do not edit. -->\n"
}

func (p *page) ends() string { return "<!-- End of the " + p.what + ". -->\n" }

// read gives the document below root with today's table in it.
func (p *page) read(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, p.path))
	if err != nil {
		return nil, fmt.Errorf("read a page with a table: %w", err)
	}
	return p.fill(string(text))
}

// fill puts today's table between the marks.
func (p *page) fill(text string) ([]byte, error) {
	before, rest, begins := strings.Cut(text, p.begins())
	_, after, ends := strings.Cut(rest, p.ends())
	if !begins || !ends {
		return nil, fmt.Errorf("%s has lost the marks around its table of %s", p.path, p.what)
	}
	return []byte(before + p.begins() + p.table() + p.ends() + after), nil
}

func totalsTable() string {
	var b strings.Builder
	b.WriteString("\n| total | what it counts | loss? |\n|---|---|---|\n")
	for _, t := range vocabulary.Totals {
		name := t.Name
		switch {
		case t.By == vocabulary.ByHookFor:
			name += "KIND"
		case t.Name == vocabulary.RecursionMisses:
			name += "PROGRAM"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, t.Text, t.Meaning)
	}
	b.WriteString("\n")
	return b.String()
}

func kindsTable() string {
	var b strings.Builder
	b.WriteString("\n| kind | default | budget | when |\n|---|---|---|---|\n")
	for _, k := range vocabulary.Kinds {
		if !k.Captured() {
			continue
		}
		on, budget := "on", ""
		if k.Off {
			on = "off"
		}
		if k.Budget > 0 {
			budget = strconv.Itoa(k.Budget)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, on, budget, k.Doc)
	}
	b.WriteString("\n")
	return b.String()
}

func evidenceTable() string {
	var b strings.Builder
	b.WriteString("\n| bit | fact | what it says |\n|---|---|---|\n")
	for i, v := range vocabulary.Evidence.Values {
		fmt.Fprintf(&b, "| %d | `%s` | %s |\n", uint64(1)<<i, v.Name, v.Doc)
	}
	b.WriteString("\n")
	return b.String()
}
