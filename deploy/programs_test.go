// SPDX-License-Identifier: Apache-2.0

// Package deploy checks the files that start tcpledger elsewhere against the programs themselves: every path, port, flag
// and variable in them exists. No Docker engine and no cluster is needed for it, and none is claimed to have run.
package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"tcpledger/internal/devstack"
	"tcpledger/internal/devstack/child"
)

const root = ".."

// programs are the three by the name that the build gives them.
var programs = []string{"tcpledger-agent", "tcpledger-ingester", "tcpledger"}

// built is the folder with the three programs, made by TestMain.
var built string

// builtVersion is the version that TestMain gives to the build.
const builtVersion = "v0.0.0-deploytest"

func TestMain(m *testing.M) {
	if path := os.Getenv(underSeccomp); path != "" {
		fmt.Fprintln(os.Stderr, confine(path, os.Getenv(underSeccomp+"_LESS"), os.Args[1:]))
		os.Exit(1)
	}
	if child.RunHidden(devstack.Commands()...) {
		return
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run builds the programs once for all tests, with the commands of the Dockerfile. No test runs if one does not build.
func run(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "tcpledger-deploy-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	built = dir
	file, err := readDockerfile()
	if err != nil {
		return 0, err
	}
	if err := file.build(dir, builtVersion); err != nil {
		return 0, err
	}
	// An ordinary user runs the agent in one of the tests.
	if err := os.Chmod(dir, 0o755); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// program is the path of a built program.
func program(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(built, name)
	_, err := os.Stat(path)
	require.NoError(t, err, "the Dockerfile builds no %s", name)
	return path
}

// dump runs a program with --dump and returns the effective configuration: the program accepted every flag, variable and
// key it was given.
func dump(t *testing.T, name string, environment map[string]string, arguments ...string) map[string]any {
	t.Helper()
	command := exec.CommandContext(t.Context(), program(t, name), append(slices.Clone(arguments), "--dump")...)
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	for key, value := range environment {
		command.Env = append(command.Env, key+"="+value)
	}
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(arguments, " "), stderr.String())
	var config map[string]any
	require.NoError(t, yaml.Unmarshal(out, &config), string(out))
	require.NotEmpty(t, config)
	return config
}

// complete asks a program what may stand next on its command line, as a shell does.
func complete(t *testing.T, name string, words ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program(t, name), append([]string{"__complete"}, words...)...).Output()
	require.NoError(t, err)
	var next []string
	for line := range strings.Lines(string(out)) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if word != "" && !strings.HasPrefix(word, ":") {
			next = append(next, word)
		}
	}
	return next
}

// flagsOf lists the flags of a program and all its commands.
func flagsOf(t *testing.T, name string) []string {
	t.Helper()
	var all []string
	add := func(path ...string) {
		for _, word := range complete(t, name, append(slices.Clone(path), "--")...) {
			if flag, ok := strings.CutPrefix(word, "--"); ok {
				all = append(all, strings.TrimSuffix(flag, "="))
			}
		}
	}
	add()
	for _, command := range commandsOf(t, name) {
		add(command)
	}
	return all
}

// commandsOf lists the commands of a program that have a configuration.
func commandsOf(t *testing.T, name string) []string {
	t.Helper()
	return slices.DeleteFunc(complete(t, name, ""), func(command string) bool {
		return slices.Contains([]string{"completion", "help", "version"}, command)
	})
}

// What --dump prints is a configuration file that says the same, for every flag of every command.
func TestEveryDumpIsAValidConfiguration(t *testing.T) {
	calls := [][]string{{"tcpledger-agent"}, {"tcpledger-ingester"}}
	for _, name := range programs {
		for _, command := range commandsOf(t, name) {
			calls = append(calls, []string{name, command})
		}
	}
	require.Greater(t, len(calls), len(programs))
	for _, call := range calls {
		t.Run(strings.Join(call, " "), func(t *testing.T) {
			first := dump(t, call[0], nil, call[1:]...)
			content, err := yaml.Marshal(first)
			require.NoError(t, err)
			file := filepath.Join(t.TempDir(), "dumped.yaml")
			require.NoError(t, os.WriteFile(file, content, 0o600))
			require.Equal(t, first, dump(t, call[0], nil, append(slices.Clone(call[1:]), "--config", file)...))
		})
	}
}

// One environment may serve all the programs: each must know the variables of the others, and no variable that no program has.
//
//go:generate env TCPLEDGER_TEST_WRITE_GOLDEN=1 go test -count=1 -run TestTheListOfAllKeysIsComplete .
func TestTheListOfAllKeysIsComplete(t *testing.T) {
	var want []string
	for _, name := range programs {
		want = append(want, flagsOf(t, name)...)
	}
	want = slices.DeleteFunc(want, func(flag string) bool {
		return slices.Contains([]string{"help", "version", "config", "check", "dump"}, flag)
	})
	slices.Sort(want)
	golden(t, filepath.Join(root, "internal/program/keys.txt"), strings.Join(slices.Compact(want), "\n")+"\n")
}

// golden compares a generated file with what it should hold, or writes it if TCPLEDGER_TEST_WRITE_GOLDEN is set.
func golden(t *testing.T, path, want string) {
	t.Helper()
	if os.Getenv("TCPLEDGER_TEST_WRITE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, string(content), "%s is stale: TCPLEDGER_TEST_WRITE_GOLDEN=1 go test ./deploy", path)
}

func TestSampleConfigurations(t *testing.T) {
	for name, file := range map[string]string{"tcpledger-agent": "agent.yaml", "tcpledger-ingester": "ingester.yaml"} {
		t.Run(file, func(t *testing.T) {
			path, err := filepath.Abs(file)
			require.NoError(t, err)
			config := dump(t, name, nil, "--config", path)

			content, err := os.ReadFile(file)
			require.NoError(t, err)
			var sample map[string]any
			require.NoError(t, yaml.Unmarshal(content, &sample))
			for key, value := range sample {
				require.Equal(t, value, config[key], "%s: %s", file, key)
			}
			// What is commented out is offered to the reader: it must work too.
			uncommented := filepath.Join(t.TempDir(), file)
			require.NoError(t, os.WriteFile(uncommented, []byte(offered(string(content))), 0o600))
			dump(t, name, nil, "--config", uncommented)
		})
	}
}

// offered takes the commented settings of a sample in: lines like "# key: value" with a key of a flag's form.
func offered(sample string) string {
	var out strings.Builder
	for line := range strings.Lines(sample) {
		key, _, isSetting := strings.Cut(strings.TrimPrefix(line, "# "), ": ")
		if strings.HasPrefix(line, "# ") && isSetting && strings.Contains(key, "-") && !strings.ContainsAny(key, " /") && strings.ToLower(key) == key {
			line = strings.TrimPrefix(line, "# ")
		}
		out.WriteString(line)
	}
	return out.String()
}
