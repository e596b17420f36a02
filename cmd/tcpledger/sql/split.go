// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// statement is one statement of a text, without what ends it.
type statement struct {
	sql      string
	vertical bool // it ended with \G
}

// split cuts a text into the statements that end with ; or \G. rest is what stands behind the last of them: nothing, or the beginning of
// a statement. Comments alone are no statement.
func split(text string) (out []statement, rest string) {
	begin, code := 0, false
	for at := 0; at < len(text); {
		n, kind := next(text[at:])
		end := 0
		switch {
		case kind == pieceCode && text[at] == ';':
			end = 1
		case kind == pieceCode && strings.HasPrefix(text[at:], endVertical):
			end = len(endVertical)
		}
		if end > 0 {
			if code {
				out = append(out, statement{strings.TrimSpace(text[begin:at]), end > 1})
			}
			at += end
			begin, code = at, false
			continue
		}
		code = code || kind == pieceQuoted || kind == pieceCode && strings.TrimSpace(text[at:at+n]) != ""
		at += n
	}
	if !code {
		return out, ""
	}
	return out, text[begin:]
}

const endVertical = `\G`

// piece is a part of a statement.
type piece uint8

const (
	pieceCode    piece = iota // one character
	pieceQuoted               // a text or a name in quotes
	pieceComment              // of the end of a line, or of several lines
)

// heredoc is how a text begins that ends with the same mark.
var heredoc = regexp.MustCompile(`^\$\w*\$`)

// next gives the length of the first piece of a text, which is not empty. A piece that does not come to its end is all of the text.
func next(text string) (int, piece) {
	switch {
	case strings.ContainsRune("'\"`", rune(text[0])):
		return quoted(text), pieceQuoted
	case strings.HasPrefix(text, "--"), strings.HasPrefix(text, "# "), strings.HasPrefix(text, "#!"):
		return through(text, "\n", 1), pieceComment
	case strings.HasPrefix(text, "/*"):
		return through(text, "*/", 2), pieceComment
	case text[0] == '$':
		if mark := heredoc.FindString(text); mark != "" {
			return through(text, mark, len(mark)), pieceQuoted
		}
	}
	_, n := utf8.DecodeRuneInString(text)
	return n, pieceCode
}

// through is the length up to the end of the first end that does not begin before skip.
func through(text, end string, skip int) int {
	if i := strings.Index(text[skip:], end); i >= 0 {
		return skip + i + len(end)
	}
	return len(text)
}

// quoted is the length of the quotes that a text begins with. A quote that is written twice makes two quoted pieces.
func quoted(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case text[0]:
			return i + 1
		}
	}
	return len(text)
}

// oneLine writes a statement on one line, as the history has it: without comments, blanks once, line ends in quotes as \n.
func oneLine(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		n, kind := next(text)
		part := text[:n]
		text = text[n:]
		switch {
		case kind == pieceQuoted:
			b.WriteString(strings.ReplaceAll(part, "\n", `\n`))
		case kind == pieceComment, strings.TrimSpace(part) == "":
			if !strings.HasSuffix(b.String(), " ") {
				b.WriteByte(' ')
			}
		default:
			b.WriteString(part)
		}
	}
	return strings.TrimSpace(b.String())
}
