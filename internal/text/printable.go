// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"
	"unicode"
)

// Printable replaces every character that a terminal would act on. Names and reasons come from other processes, which may
// choose them to move the reader's cursor.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// Line makes one printable line of s, at most limit characters long: white space of any kind becomes one blank, and a line that is
// cut ends with "…".
func Line(s string, limit int) string {
	line := []rune(Printable(strings.Join(strings.Fields(s), " ")))
	if len(line) > limit {
		return string(line[:limit-1]) + "…"
	}
	return string(line)
}
