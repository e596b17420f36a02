// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"
	"unicode"
)

// marks are the characters that may begin a construct of Markdown inside of a line. An address in plain text begins with : or . after
// its scheme or www, and a mention with @.
const marks = "\\`*_{}[]<>&|~$#!@"

// Markdown writes s as plain text in a line or a cell of Markdown: one printable line, in which nothing is a mark, a tag, a link or a
// mention.
func Markdown(s string) string {
	runes := []rune(Printable(strings.Join(strings.Fields(s), " ")))
	var b strings.Builder
	for i, r := range runes {
		if marked(runes, i) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// marked reports whether the character at i needs an escape.
func marked(runes []rune, i int) bool {
	r := runes[i]
	word := func(at int) bool {
		return at >= 0 && at < len(runes) && (unicode.IsLetter(runes[at]) || unicode.IsDigit(runes[at]))
	}
	switch {
	case r == '_':
		return !word(i-1) || !word(i+1) // inside of a word it marks nothing
	case strings.ContainsRune(marks, r):
		return true
	case r == ':':
		return i+1 < len(runes) && runes[i+1] == '/'
	case r == '.':
		return i >= 3 && strings.EqualFold(string(runes[i-3:i]), "www") || listed(runes, i)
	case r == '-' || r == '+' || r == '=':
		return i == 0
	case r == ')':
		return listed(runes, i)
	}
	return false
}

// listed reports whether all before i are digits and a blank follows, so that the line would begin a list.
func listed(runes []rune, i int) bool {
	if i+1 < len(runes) && runes[i+1] != ' ' {
		return false
	}
	for _, r := range runes[:i] {
		if r < '0' || r > '9' {
			return false
		}
	}
	return i > 0
}
