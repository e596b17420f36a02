// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A script is a test that reads like a page of a manual: rows that are loaded, questions, and their answers. testdata/README.md
// has its form.
type step struct {
	line   int
	verb   string   // load or ask
	words  []string // what follows the verb
	header []string // of the table below
	rows   [][]string
	want   string // of an ask: "rows", "nothing" or the error's text
}

// maxScript bounds a script in lines: a longer one is more than one case.
const maxScript = 120

// apart separates the cells of a table.
var apart = regexp.MustCompile(`\s{2,}`)

// parseScript reads a script. An error says the line.
func parseScript(text string) ([]step, error) {
	lines := strings.Split(text, "\n")
	if len(lines) > maxScript {
		return nil, fmt.Errorf("%d lines: at most %d", len(lines), maxScript)
	}
	var steps []step
	for n := 0; n < len(lines); n++ {
		line := strings.TrimSpace(lines[n])
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words, err := split(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		last := len(steps) - 1
		switch {
		case words[0] == "load" && len(words) == 2, words[0] == "ask" && len(words) > 1:
			steps = append(steps, step{line: n + 1, verb: words[0], words: words[1:]})
			if words[0] == "load" {
				n, err = steps[last+1].table(lines, n+1)
			}
		case words[0] == "expect" && last >= 0 && steps[last].verb == "ask" && steps[last].want == "":
			switch {
			case len(words) == 1:
				steps[last].want = "rows"
				n, err = steps[last].table(lines, n+1)
			case line == "expect nothing":
				steps[last].want = "nothing"
			case words[1] == "error" && len(words) > 2:
				steps[last].want = strings.TrimSpace(strings.TrimPrefix(line, "expect error"))
			default:
				err = fmt.Errorf("want expect, expect nothing or expect error TEXT")
			}
		default:
			err = fmt.Errorf("%q: want load TABLE, ask QUESTION or, after it, expect", line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	for _, s := range steps {
		if s.verb == "ask" && s.want == "" {
			return nil, fmt.Errorf("line %d: nothing is expected", s.line)
		}
	}
	return steps, nil
}

// table reads a header and rows up to an empty line and returns the number of that line.
func (s *step) table(lines []string, n int) (int, error) {
	for ; n < len(lines) && strings.TrimSpace(lines[n]) != ""; n++ {
		cells := apart.Split(strings.TrimSpace(lines[n]), -1)
		for i, cell := range cells {
			if !strings.HasPrefix(cell, `"`) {
				continue
			}
			text, err := strconv.Unquote(cell)
			if err != nil {
				return n, fmt.Errorf("cell %s: %w", cell, err)
			}
			cells[i] = text
		}
		if s.header == nil {
			s.header = cells
			continue
		}
		if len(cells) != len(s.header) {
			return n, fmt.Errorf("%d cells under %d names", len(cells), len(s.header))
		}
		s.rows = append(s.rows, cells)
	}
	if len(s.rows) == 0 {
		return n, fmt.Errorf("a table has a line of names and at least one row")
	}
	return n, nil
}

// split cuts a line into words; a word in quotes may hold anything.
func split(line string) ([]string, error) {
	var words []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", line, err)
			}
			word, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", line, err)
			}
			words, line = append(words, word), line[len(quoted):]
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		words, line = append(words, word), rest
	}
	return words, nil
}

func TestScriptsAreRefused(t *testing.T) {
	for script, want := range map[string]string{
		"lode connections":                  "line 1: \"lode connections\": want load TABLE",
		"load connections\n\n":              "a table has a line of names",
		"load connections\na  b\n1\n":       "1 cells under 2 names",
		"load connections\na\n\"\\q\"\n":    "invalid syntax",
		"ask totals":                        "line 1: nothing is expected",
		"ask totals\nexpect error":          "want expect, expect nothing",
		"expect nothing":                    "want load TABLE",
		"ask \"totals":                      "invalid syntax",
		strings.Repeat("#\n", maxScript+10): "at most",
	} {
		_, err := parseScript(script)
		require.ErrorContains(t, err, want, script)
	}
}

// TestScripts runs each testdata/*.test on empty tables.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.test")
	require.NoError(t, err)
	require.Greater(t, len(scripts), 20)
	b := newBench(t, startEngine(t), "scripts")
	asked := map[string]bool{}
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Regexp(t, `^# [A-Z].*[.:]`, string(text), "a script begins with a sentence that says what it shows")
		steps, err := parseScript(string(text))
		require.NoError(t, err, path)
		for _, s := range steps {
			asked[s.words[0]] = asked[s.words[0]] || s.verb == "ask"
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".test"), func(t *testing.T) {
			defer b.clear(t, steps)
			for _, s := range steps {
				b.run(t, s)
			}
		})
	}
	for _, name := range questionNames() {
		require.True(t, asked[name], "no script asks for %s", name)
	}
}

func questionNames() []string {
	var names []string
	for name := range questions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
