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
