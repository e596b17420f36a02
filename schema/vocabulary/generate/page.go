// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"

	"tcpledger/schema/vocabulary"
)

// What encloses the table of totals in its page.
const (
	tableBegins = "<!-- The totals: generated from schema/vocabulary/totals.go (make generate); do not edit. -->\n"
	tableEnds   = "<!-- End of the totals. -->\n"
)

var errMarks = errors.New("docs/losses.md has lost the marks around its table of totals")

// withTotals puts today's table of totals into the page.
func withTotals(page string) ([]byte, error) {
	before, rest, begins := strings.Cut(page, tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return nil, errMarks
	}
	return []byte(before + tableBegins + totalsTable() + tableEnds + after), nil
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
