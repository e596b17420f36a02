// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/program"
)

// probe is a program with one flag of each kind; ran tells whether its RunE was reached.
type probe struct {
	root     *cobra.Command
	out, err bytes.Buffer

	age     time.Duration
	rows    int
	enable  []string
	name    string
	secret  string
	console string
	ran     bool
}

func newProbe(args ...string) *probe {
	p := &probe{root: program.Command("tcpledger-probe", "A probe", "A probe for tests.")}
	flags := p.root.Flags()
	flags.DurationVar(&p.age, "batch-age", time.Second, "age of a batch")
	flags.IntVar(&p.rows, "flush-rows", 10, "rows")
	flags.StringSliceVar(&p.enable, "enable", []string{"drop"}, "kinds")
	flags.StringVar(&p.name, "host-id", "", "a name")
	flags.StringVar(&p.secret, "probe-secret", "", "a secret")
	program.MarkSecret(flags, "probe-secret")
	p.root.RunE = func(*cobra.Command, []string) error { p.ran = true; return nil }
	other := &cobra.Command{Use: "other", RunE: func(*cobra.Command, []string) error { p.ran = true; return nil }}
	other.Flags().StringVar(&p.console, "console-port", "", "of the other command only")
	p.root.AddCommand(other)
	p.root.SetArgs(args)
	p.root.SetOut(&p.out)
	p.root.SetErr(&p.err)
	return p
}

// run is the exit code and the one line on stderr.
func (p *probe) run() (int, string) {
	code := program.Main(p.root)
	return code, p.err.String()
}

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "probe.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	file := write(t, "batch-age: 3s\nflush-rows: 30\nhost-id: from-file\n")
	t.Setenv("TCPLEDGER_BATCH_AGE", "2s")
	t.Setenv("TCPLEDGER_FLUSH_ROWS", "20")
	p := newProbe("--config", file, "--batch-age", "1m")
	code, stderr := p.run()
	require.Zero(t, code, stderr)
	require.True(t, p.ran)
	require.Equal(t, time.Minute, p.age, "the flag")
	require.Equal(t, 20, p.rows, "the environment")
	require.Equal(t, "from-file", p.name, "the file")
	require.Equal(t, []string{"drop"}, p.enable, "the default")
}

func TestEnvironmentNamesTheFile(t *testing.T) {
	t.Setenv("TCPLEDGER_CONFIG", write(t, "host-id: there\n"))
	p := newProbe()
	code, stderr := p.run()
	require.Zero(t, code, stderr)
	require.Equal(t, "there", p.name)
}

func TestRepeatableFlags(t *testing.T) {
	want := []string{"drop", "state"}
	t.Run("list in the file", func(t *testing.T) {
		p := newProbe("--config", write(t, "enable:\n  - drop\n  - state\n"))
		code, stderr := p.run()
		require.Zero(t, code, stderr)
		require.Equal(t, want, p.enable)
	})
	t.Run("commas in the environment", func(t *testing.T) {
		t.Setenv("TCPLEDGER_ENABLE", "drop, state")
		p := newProbe()
		code, stderr := p.run()
		require.Zero(t, code, stderr)
		require.Equal(t, want, p.enable)
	})
	t.Run("an empty list empties the default", func(t *testing.T) {
		p := newProbe("--config", write(t, "enable: []\n"))
		code, stderr := p.run()
		require.Zero(t, code, stderr)
		require.Empty(t, p.enable)
	})
}

func TestEmptyVariableIsNotSet(t *testing.T) {
	t.Setenv("TCPLEDGER_BATCH_AGE", "")
	p := newProbe()
	code, stderr := p.run()
	require.Zero(t, code, stderr)
	require.Equal(t, time.Second, p.age)
}

func TestVariablesThatAreNotOurs(t *testing.T) {
	for _, variable := range []string{"TCPLEDGER_CLICKHOUSE_PASSWORD", "TCPLEDGER_REQUIRE_ROOT", "TCPLEDGER_CONSOLE_PORT"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "not for us")
			p := newProbe()
			code, stderr := p.run()
			require.Zero(t, code, stderr)
			require.True(t, p.ran)
		})
	}
}

func TestChildrenInheritNoSettings(t *testing.T) {
	t.Setenv("TCPLEDGER_CONFIG", "/etc/up.yaml")
	t.Setenv("TCPLEDGER_KAFKA_PASSWORD", "hunter2")
	t.Setenv("TCPLEDGER_TEST_QUICK", "1")
	t.Setenv("TZ", "UTC")
	inherited := program.ChildEnvironment()
	require.Contains(t, inherited, "TZ=UTC")
	require.Contains(t, inherited, "TCPLEDGER_TEST_QUICK=1")
	for _, entry := range inherited {
		require.NotContains(t, entry, "TCPLEDGER_CONFIG")
		require.NotContains(t, entry, "hunter2")
	}
}

func TestWrongConfiguration(t *testing.T) {
	cases := []struct {
		name      string
		env, file string
		args      []string
		want      []string
	}{
		{name: "unknown flag", args: []string{"--flush-row", "1"}, want: []string{"--flush-row", "did you mean --flush-rows?"}},
		{name: "unknown command", args: []string{"othr"}, want: []string{`unknown command "othr" for "tcpledger-probe" (did you mean other?)`}},
		{name: "unknown variable", env: "TCPLEDGER_FLUSH_ROW=1", want: []string{"TCPLEDGER_FLUSH_ROW ", "did you mean TCPLEDGER_FLUSH_ROWS?"}},
		{name: "unknown key", file: "host-id: a\nflush-row: 1\n", want: []string{"probe.yaml:2", `"flush-row"`, "did you mean flush-rows?"}},
		{name: "key of one run", file: "check: true\n", want: []string{"probe.yaml:1", `"check"`}},
		{name: "key twice", file: "flush-rows: 1\nflush-rows: 2\n", want: []string{"probe.yaml:2", "flush-rows", "twice"}},
		{name: "bad value of a flag", args: []string{"--flush-rows", "many"}, want: []string{`"many"`, "--flush-rows"}},
		{name: "bad value of a variable", env: "TCPLEDGER_FLUSH_ROWS=many", want: []string{"TCPLEDGER_FLUSH_ROWS", `"many"`, "--flush-rows"}},
		{name: "bad value in the file", file: "\n\nbatch-age: soon\n", want: []string{"probe.yaml:3", `"soon"`, "--batch-age"}},
		{name: "list for one value", file: "host-id: [a, b]\n", want: []string{"probe.yaml:1", "not a list"}},
		{name: "nested mapping", file: "host-id: {a: b}\n", want: []string{"probe.yaml:1", "host-id"}},
		{name: "nothing after the key", file: "host-id:\n", want: []string{"probe.yaml:1", "has no value"}},
		{name: "not a mapping", file: "- host-id\n", want: []string{"probe.yaml:1", "mapping"}},
		{name: "not YAML", file: "a: [\n", want: []string{"probe.yaml", "line"}},
		{name: "bad log level", args: []string{"--log-level", "loud"}, want: []string{"loud", "debug, info, warn, error"}},
		{name: "no such file", args: []string{"--config", "/nowhere/probe.yaml"}, want: []string{"--config", "/nowhere/probe.yaml"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if variable, value, ok := strings.Cut(c.env, "="); ok {
				t.Setenv(variable, value)
			}
			if c.file != "" {
				c.args = append(c.args, "--config", write(t, c.file))
			}
			p := newProbe(c.args...)
			code, stderr := p.run()
			require.Equal(t, 2, code, stderr)
			require.False(t, p.ran)
			require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %q", stderr)
			require.True(t, strings.HasPrefix(stderr, "tcpledger-probe: "), stderr)
			for _, part := range c.want {
				require.Contains(t, stderr, part)
			}
		})
	}
}

func TestSecretStaysOutOfErrors(t *testing.T) {
	p := newProbe("--config", write(t, "probe-secret: [hunter2, hunter3]\n"))
	code, stderr := p.run()
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "probe.yaml:1: invalid value for --probe-secret")
	require.NotContains(t, stderr, "hunter")
}

func FuzzConfigurationFile(f *testing.F) {
	for _, seed := range []string{"", "host-id: a\n", "enable: [drop, state]\n", "a: &x [1]\nb: *x\n", "? [a]\n: b\n", "host-id: !!binary AA==\n", "&a {<<: *a}\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		p := newProbe("--config", write(t, content))
		code, stderr := p.run()
		require.Equal(t, code == 0, p.ran, stderr)
		if code != 0 {
			require.Equal(t, 2, code)
			require.NotEmpty(t, stderr)
		}
	})
}
