// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"regexp"
	"slices"
	"strings"

	"tcpledger/query"
)

// keywords are the words of a statement that are offered.
var keywords = strings.Fields(`AND ARRAY AS ASC BETWEEN BY CASE DESC DESCRIBE DISTINCT ELSE END EXCEPT EXISTS EXPLAIN FINAL FORMAT FROM FULL GROUP
	HAVING ILIKE IN INNER INTERVAL INTERSECT IS JOIN LEFT LIKE LIMIT NOT NULL OFFSET ON OR ORDER OUTER PREWHERE SAMPLE SELECT SET SETTINGS SHOW
	TABLES THEN UNION USING WHEN WHERE WITH`)

// completer offers the names that fit where the cursor is.
type completer struct {
	database string
	names    []query.Name
}

var (
	lastWord  = regexp.MustCompile(`[\w.]*$`)
	wantTable = regexp.MustCompile(`(?i)\b(?:FROM|JOIN|TABLE|DESCRIBE|DESC)\s+$`)
	usedTable = regexp.MustCompile(`(?i)\b(?:FROM|JOIN)\s+(?:\w+\.)?(\w+)`)
	openView  = regexp.MustCompile(`(?i)(\w+)\s*\([^()]*$`)
)

// offer completes the word that ends at the cursor: before is the statement up to there, after what follows. It gives what stays in front
// of the word and the words that begin like it.
func (c *completer) offer(before, after string) (head string, words []string) {
	word := lastWord.FindString(before)
	head = strings.TrimSuffix(before, word)
	of, part := "", word
	if i := strings.LastIndexByte(word, '.'); i >= 0 {
		of, part = word[:i], word[i+1:]
		head += word[:i+1]
	}
	switch {
	case of == c.database, wantTable.MatchString(strings.TrimSuffix(before, word)):
		words = c.tables(part)
	case of != "":
		words = c.columns(part, []string{of})
	default:
		words = slices.Concat(c.arguments(head, part), c.columns(part, tablesIn(before+after)), c.rest(part))
	}
	slices.Sort(words)
	return head, slices.Compact(words)
}

// tablesIn lists the tables that a statement reads.
func tablesIn(statement string) []string {
	var out []string
	for _, found := range usedTable.FindAllStringSubmatch(statement, -1) {
		out = append(out, found[1])
	}
	return out
}

// begins reports whether a name begins like part, in small or capital letters.
func begins(name, part string) bool {
	return len(name) >= len(part) && strings.EqualFold(name[:len(part)], part)
}

// tables offers tables, and views with the parenthesis of their parameters.
func (c *completer) tables(part string) []string {
	var out []string
	for _, n := range c.names {
		switch {
		case !begins(n.Name, part):
		case n.Kind == "table":
			out = append(out, n.Name)
		case n.Kind == "view":
			out = append(out, n.Name+"(")
		}
	}
	return out
}

// columns offers the columns of these tables.
func (c *completer) columns(part string, of []string) []string {
	var out []string
	for _, n := range c.names {
		if n.Kind == "column" && slices.Contains(of, n.Of) && begins(n.Name, part) {
			out = append(out, n.Name)
		}
	}
	return out
}

// arguments offers the parameters of the view whose parenthesis is open.
func (c *completer) arguments(head, part string) []string {
	open := openView.FindStringSubmatch(head)
	if open == nil {
		return nil
	}
	var out []string
	for _, n := range c.names {
		if n.Kind != "view" || n.Name != open[1] {
			continue
		}
		for _, p := range n.Parameters {
			if begins(p, part) {
				out = append(out, p)
			}
		}
	}
	return out
}

// rest offers functions and, for a word that has begun, tables and keywords.
func (c *completer) rest(part string) []string {
	if part == "" {
		return nil
	}
	out := c.tables(part)
	for _, n := range c.names {
		if n.Kind == "function" && begins(n.Name, part) {
			out = append(out, n.Name)
		}
	}
	for _, k := range keywords {
		if begins(k, part) {
			out = append(out, k)
		}
	}
	return out
}
