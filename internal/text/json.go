// SPDX-License-Identifier: Apache-2.0

package text

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
)

// Field is a name and its value in JSON.
type Field struct {
	Name  string
	Value any
}

// Object is a JSON object whose names keep their order.
type Object []Field

// MarshalJSON writes the fields in their order.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(f.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.Value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// WriteJSON writes a value as indented JSON that a person may look at too: a character that a terminal acts on is written as \u202e and the
// like, which is the same to a program.
func WriteJSON(w io.Writer, value any) error {
	plain, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = w.Write(append(escapeJSON(plain), '\n'))
	return err
}

// escapeJSON escapes what is not printable. Outside of its texts JSON has ASCII and line ends only.
func escapeJSON(plain []byte) []byte {
	out := make([]byte, 0, len(plain)+1)
	for _, r := range string(plain) {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out = append(out, string(r)...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}
