// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Terminal writes text of other processes to a terminal: characters that the terminal would act on, and bytes that are no
// character, stand as \x1b, \u202e and the like. Line ends and tabs stay.
type Terminal struct {
	out  io.Writer
	rest []byte // the beginning of a character
}

// NewTerminal makes a Terminal that writes to out.
func NewTerminal(out io.Writer) *Terminal { return &Terminal{out: out} }

// Write takes all of p, which may end within a character. The error is that of the terminal.
func (t *Terminal) Write(p []byte) (int, error) {
	text := slices.Concat(t.rest, p)
	var b strings.Builder
	for len(text) > 0 && utf8.FullRune(text) {
		r, size := utf8.DecodeRune(text)
		b.WriteString(shown(r, text[:size]))
		text = text[size:]
	}
	t.rest = text
	_, err := io.WriteString(t.out, b.String())
	return len(p), err
}

// Flush writes what is left of a character that never came to its end.
func (t *Terminal) Flush() error {
	var b strings.Builder
	for _, c := range t.rest {
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	t.rest = nil
	_, err := io.WriteString(t.out, b.String())
	return err
}

// shown is how a character stands; encoded are its bytes.
func shown(r rune, encoded []byte) string {
	switch {
	case r == '\n', r == '\t', unicode.IsPrint(r) && (r != utf8.RuneError || len(encoded) > 1):
		return string(encoded)
	case r == utf8.RuneError, r < utf8.RuneSelf:
		return fmt.Sprintf(`\x%02x`, encoded[0])
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}
