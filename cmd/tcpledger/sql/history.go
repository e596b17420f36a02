// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

const (
	maxHistory      = 1000    // statements that are kept
	maxHistoryBytes = 4 << 20 // that are read of the file
)

// history is the file of the prompt's statements, one a line, the newest last. Several prompts may add to it.
type history struct{ path string }

// historyFile is in XDG_STATE_HOME, or ~/.local/state.
func historyFile() (history, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil {
			return history{}, err
		}
		state = filepath.Join(home, ".local", "state")
	}
	return history{filepath.Join(state, "tcpledger", "sql_history")}, nil
}

// read gives the last statements, the oldest first. A file that has far more is written anew with those.
func (h history) read() ([]string, error) {
	text, err := os.ReadFile(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\n"); line != "" && utf8.ValidString(line) {
			lines = append(lines, line)
		}
	}
	if len(lines) > 2*maxHistory || len(text) > maxHistoryBytes {
		lines = lines[max(0, len(lines)-maxHistory):]
		return lines, h.replace(lines)
	}
	return lines[max(0, len(lines)-maxHistory):], nil
}

// replace writes the file anew.
func (h history) replace(lines []string) error {
	next := h.path + ".new"
	if err := os.WriteFile(next, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(next, h.path)
}

// add appends a statement. The file and a folder that is made for it are their user's alone.
func (h history) add(line string) error {
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(h.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(line + "\n")
	return errors.Join(file.Chmod(0o600), err, file.Close())
}
