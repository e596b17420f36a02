// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"io"
	"slices"
	"strings"

	"tcpledger/internal/text"
)

// writeJSON writes the fields, then each section's data by its name. A section that failed is null and its error is in failed, so
// that a program which reads it fails, and does not take nothing for an answer. What is no longer kept is null too, and said in gone.
func (r *Report) writeJSON(w io.Writer, l Layout) error {
	out := slices.Clone(r.Fields)
	var failed, gone, asked text.Object
	for i := range r.Sections {
		s := &r.Sections[i]
		value, err := s.value()
		if err != nil {
			return err
		}
		out = append(out, text.Field{Name: s.Name, Value: value})
		switch {
		case s.Err == nil:
		case s.Gone:
			gone = append(gone, s.error())
		default:
			failed = append(failed, s.error())
		}
		if len(s.SQL) > 0 {
			asked = append(asked, text.Field{Name: s.Name, Value: s.SQL})
		}
	}
	if len(failed) > 0 {
		out = append(out, text.Field{Name: "failed", Value: failed})
	}
	if len(gone) > 0 {
		out = append(out, text.Field{Name: "gone", Value: gone})
	}
	if l.SQL {
		out = append(out, text.Field{Name: "sql", Value: asked})
	}
	return text.WriteJSON(w, out)
}

// error is the section's error by its name.
func (s *Section) error() text.Field {
	return text.Field{Name: s.Name, Value: strings.ToValidUTF8(s.Err.Error(), "\uFFFD")}
}

// value is the section's data: null if the section failed, [] if there is none.
func (s *Section) value() (json.RawMessage, error) {
	if s.Err != nil {
		return json.RawMessage("null"), nil
	}
	data, err := json.Marshal(s.Data)
	if err == nil && string(data) == "null" {
		return json.RawMessage("[]"), nil
	}
	return data, err
}
