// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// setting is what a program's hidden command "settings" prints of each.
type setting struct {
	Command, Key, Variable, Type, Default, Bounds, Meaning string
}

// settings asks the three programs, which know each other's settings. HOME is "~", so that the page is the same for everybody.
func settings(t *testing.T) []setting {
	t.Helper()
	var all []setting
	for _, name := range []string{"tcpledger-agent", "tcpledger-ingester", "tcpledger"} {
		command := exec.CommandContext(t.Context(), program(t, name), "settings")
		command.Env = []string{"HOME=~"}
		out, err := command.Output()
		require.NoError(t, err)
		var some []setting
		require.NoError(t, json.Unmarshal(out, &some))
		require.NotEmpty(t, some)
		all = append(all, some...)
	}
	return all
}

const settingsIntro = `# Settings

Generated from the programs by ` + "`go generate ./deploy`" + `; a test compares it.

Every setting is a flag. The same setting has, in this order of strength:

1. the flag: ` + "`--batch-age 2s`" + `,
2. the environment: ` + "`TCPLEDGER_BATCH_AGE=2s`" + `; a list is separated by commas; an empty variable counts as not set,
3. the file that ` + "`--config`" + ` (or ` + "`TCPLEDGER_CONFIG`" + `) names: YAML, ` + "`batch-age: 2s`" + `,
4. the default.

An unknown key is an error that names the nearest known one. ` + "`--dump`" + ` prints the effective settings and where each came from, secrets
masked; ` + "`--check`" + ` builds everything, starts nothing and exits with 0, or with 2 and one line that says why. A key that was renamed works on, and the
program says its new name.

`

// reference writes docs/configuration.md: first what several commands share, then each command's own.
func reference(all []setting) string {
	users, commands := map[string][]string{}, []string{}
	for _, s := range all {
		users[s.identity()] = append(users[s.identity()], s.Command)
		if !slices.Contains(commands, s.Command) {
			commands = append(commands, s.Command)
		}
	}
	shared := func(s setting) bool { return len(users[s.identity()]) > 1 }
	var page strings.Builder
	page.WriteString(settingsIntro)
	groups := []struct {
		title, text string
		has         func(setting) bool
	}{
		{"Kafka", "Of every program that reaches Kafka: the agent, the ingester, `console`, `decode`, `topics`.", func(s setting) bool { return strings.HasPrefix(s.Key, "kafka-") || s.Key == "brokers" }},
		{"ClickHouse", "Of every program that reaches ClickHouse: the ingester, `console`, `postmortem`, `decode`, `migrate`.", func(s setting) bool { return strings.HasPrefix(s.Key, "clickhouse") }},
		{"Several programs", "", func(setting) bool { return true }},
	}
	done := map[string]bool{}
	for _, g := range groups {
		section(&page, g.title, g.text, slices.DeleteFunc(slices.Clone(all), func(s setting) bool {
			skip := !shared(s) || !g.has(s) || done[s.identity()]
			done[s.identity()] = done[s.identity()] || !skip
			return skip
		}))
	}
	for _, command := range commands {
		section(&page, "`"+command+"`", "", slices.DeleteFunc(slices.Clone(all), func(s setting) bool { return s.Command != command || shared(s) }))
	}
	return strings.TrimRight(page.String(), "\n") + "\n"
}

// identity is the same for a setting that several commands declare alike.
func (s setting) identity() string { return s.Key + "\x00" + s.Default + "\x00" + s.Meaning }

func section(page *strings.Builder, title, text string, rows []setting) {
	if len(rows) == 0 {
		return
	}
	slices.SortFunc(rows, func(a, b setting) int { return strings.Compare(a.Key, b.Key) })
	fmt.Fprintf(page, "## %s\n\n", title)
	if text != "" {
		fmt.Fprintf(page, "%s\n\n", text)
	}
	page.WriteString("| key | variable | default | bounds | meaning |\n|---|---|---|---|---|\n")
	for _, s := range rows {
		fmt.Fprintf(page, "| `%s` | `%s` | %s | %s | %s |\n", s.Key, s.Variable, code(strings.Trim(s.Default, "[]")), s.Bounds, cell(s.Meaning))
	}
	page.WriteString("\n")
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

// cell keeps a text from ending its column.
func cell(text string) string { return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(text) }

//go:generate env TCPLEDGER_TEST_WRITE_GOLDEN=1 go test -count=1 -run TestSettingsReference .
func TestSettingsReference(t *testing.T) {
	all := settings(t)
	keys := strings.Fields(read(t, filepath.Join(root, "internal/program/keys.txt")))
	for _, s := range all {
		require.Contains(t, keys, s.Key, s.Command)
		require.NotEmpty(t, s.Meaning, "%s --%s", s.Command, s.Key)
	}
	golden(t, filepath.Join(root, "docs/configuration.md"), reference(all))
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// testdata/before holds what --dump of every command of the version before printed: with such a file, today's program starts.
// An old name works through the table of renamed settings (internal/program/renamed.go).
func TestSettingsOfTheVersionBefore(t *testing.T) {
	files, err := filepath.Glob("testdata/before/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			words := strings.Split(strings.TrimSuffix(filepath.Base(file), ".yaml"), ".")
			path, err := filepath.Abs(file)
			require.NoError(t, err)
			dump(t, words[0], nil, append(words[1:], "--config", path)...)
		})
	}
}
