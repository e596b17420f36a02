// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"context"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// setForm is SET name = value, of a number, a word or a quoted text.
var setForm = regexp.MustCompile(`(?is)^SET\s+(\w+)\s*=\s*([\w.+-]+|'(?:[^'\\]|\\.|'')*')\s*$`)

// fixed are the settings that keep statements to reading.
var fixed = []string{"readonly", "profile"}

var errSet = errors.New("want SET name = value, one setting, a number or a text in quotes")

// set keeps a setting, or the value of a parameter {name:Type} (SET param_name = …), for the statements that follow. The server is asked
// whether it knows the setting and takes the value.
func (s *session) set(ctx context.Context, sql string) error {
	parts := setForm.FindStringSubmatch(sql)
	if parts == nil {
		return errSet
	}
	name, value := parts[1], unquote(parts[2])
	if slices.Contains(fixed, strings.ToLower(name)) {
		return errors.New(name + " stays as it is: statements only read here")
	}
	if strings.HasPrefix(name, "param_") {
		s.settings.Set(name, parameter(value))
		return nil
	}
	answer, err := s.server.Ask(ctx, "SELECT 1 SETTINGS "+name+" = "+parts[2], maps.Clone(s.settings))
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }() // read to its end
	if _, err = io.Copy(io.Discard, answer); err == nil {
		s.settings.Set(name, value)
	}
	return err
}

var escapes = strings.NewReplacer(`\\`, `\`, `\'`, `'`, `''`, `'`, `\n`, "\n", `\t`, "\t")

// unquote gives the text in quotes; a number or a word stays as it is.
func unquote(literal string) string {
	if !strings.HasPrefix(literal, "'") {
		return literal
	}
	return escapes.Replace(literal[1 : len(literal)-1])
}
