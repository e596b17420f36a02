// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/program"
)

// boundedProbe is a probe with a flag that had another name once, and bounds for two others.
func boundedProbe(args ...string) (*probe, *string) {
	p := newProbe(args...)
	flags := p.root.Flags()
	group := flags.String("kafka-group", "all", "consumer `group`")
	program.Bounds(flags, "flush-rows", &p.rows, 1, 100)
	program.Bounds(flags, "batch-age", &p.age, time.Millisecond, time.Minute)
	return p, group
}

func TestBoundsHoldForEverySource(t *testing.T) {
	cases := map[string]struct {
		args []string
		env  string
		file string
		want string
	}{
		"flag":        {args: []string{"--flush-rows", "0"}, want: `"--flush-rows" flag: must be from 1 to 100`},
		"environment": {env: "101", want: `TCPLEDGER_FLUSH_ROWS: invalid value "101" for --flush-rows: must be from 1 to 100`},
		"file":        {file: "batch-age: 2m\n", want: "probe.yaml:1: invalid value \"2m\" for --batch-age: must be from 1ms to 1m0s"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TCPLEDGER_FLUSH_ROWS", c.env)
			if c.file != "" {
				c.args = append(c.args, "--config", write(t, c.file))
			}
			p, _ := boundedProbe(c.args...)
			code, stderr := p.run()
			require.Equal(t, 2, code)
			require.Contains(t, stderr, c.want)
		})
	}
	p, _ := boundedProbe("--flush-rows", "100", "--batch-age", "1ms", "--dump")
	code, stderr := p.run()
	require.Zero(t, code, stderr)
	require.Contains(t, p.out.String(), "flush-rows: 100 # flag\n")
}

func TestOldNamesWorkAndAreNamed(t *testing.T) {
	for source, line := range map[string]string{
		"file":        "is called kafka-group now\n",
		"environment": "tcpledger-probe: environment TCPLEDGER_GROUP: group is called kafka-group now\n",
		"flag":        "tcpledger-probe: --group is called --kafka-group now\n",
	} {
		t.Run(source, func(t *testing.T) {
			var args []string
			switch source {
			case "file":
				args = []string{"--config", write(t, "group: mine\n")}
			case "environment":
				t.Setenv("TCPLEDGER_GROUP", "mine")
			default:
				args = []string{"--group", "mine"}
			}
			p, group := boundedProbe(args...)
			code, stderr := p.run()
			require.Zero(t, code, stderr)
			require.Equal(t, "mine", *group)
			require.True(t, strings.HasSuffix(stderr, line), stderr)
		})
	}
}

func TestOldAndNewNameTogetherContradict(t *testing.T) {
	p, _ := boundedProbe("--config", write(t, "kafka-group: a\ngroup: b\n"))
	code, stderr := p.run()
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "probe.yaml:2")

	t.Setenv("TCPLEDGER_GROUP", "a")
	t.Setenv("TCPLEDGER_KAFKA_GROUP", "b")
	p, _ = boundedProbe()
	code, stderr = p.run()
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "TCPLEDGER_KAFKA_GROUP is set under its old name too")
}

// A program without the setting leaves both names to the others.
func TestOldNamesOfOtherProgramsAreLeftAlone(t *testing.T) {
	t.Setenv("TCPLEDGER_GROUP", "mine")
	p := newProbe()
	code, stderr := p.run()
	require.Zero(t, code, stderr)
	require.Empty(t, stderr)
}

func TestSettingsDescribesEveryFlagOfEveryCommand(t *testing.T) {
	t.Setenv("TCPLEDGER_NO_SUCH_THING", "1")
	p, _ := boundedProbe("settings")
	code, stderr := p.run()
	require.Zero(t, code, stderr)
	var all []program.Setting
	require.NoError(t, json.Unmarshal(p.out.Bytes(), &all))
	commands := map[string][]string{}
	for _, s := range all {
		commands[s.Command] = append(commands[s.Command], s.Key)
		if s.Key == "flush-rows" {
			require.Equal(t, program.Setting{Command: "tcpledger-probe", Key: "flush-rows", Variable: "TCPLEDGER_FLUSH_ROWS", Type: "int", Default: "10",
				Bounds: "1 to 100", Meaning: "rows"}, s)
		}
	}
	var want []string
	p.root.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "config" && f.Name != "check" && f.Name != "dump" && f.Name != "help" && f.Name != "version" {
			want = append(want, f.Name)
		}
	})
	require.ElementsMatch(t, want, commands["tcpledger-probe"])
	require.ElementsMatch(t, []string{"console-port", "log-level", "log-format"}, commands["tcpledger-probe other"])
}
