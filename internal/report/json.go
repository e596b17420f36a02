// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

// object is a JSON object whose names keep their order.
type object []Field

// MarshalJSON writes the fields in their order.
func (o object) MarshalJSON() ([]byte, error) {
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

// writeJSON writes the fields, then each section's data by its name. A section that failed is null and its error is in failed, so
// that a program which reads it fails, and does not take nothing for an answer. What is no longer kept is null too, and said in gone.
func (r *Report) writeJSON(w io.Writer, l Layout) error {
	out := object(r.Fields)
	var failed, gone, asked object
	for i := range r.Sections {
		s := &r.Sections[i]
		value, err := s.value()
		if err != nil {
			return err
		}
		out = append(out, Field{s.Name, value})
		switch {
		case s.Err == nil:
		case s.Gone:
			gone = append(gone, s.error())
		default:
			failed = append(failed, s.error())
		}
		if len(s.SQL) > 0 {
			asked = append(asked, Field{s.Name, s.SQL})
		}
	}
	if len(failed) > 0 {
		out = append(out, Field{"failed", failed})
	}
	if len(gone) > 0 {
		out = append(out, Field{"gone", gone})
	}
	if l.SQL {
		out = append(out, Field{"sql", asked})
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

// error is the section's error by its name.
func (s *Section) error() Field {
	return Field{s.Name, strings.ToValidUTF8(s.Err.Error(), "\uFFFD")}
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
