// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/program"
	"tcpledger/test/wait"
)

func TestDumpRoundTrip(t *testing.T) {
	t.Setenv("TCPLEDGER_ENABLE", "drop,state")
	first := newProbe("--dump", "--batch-age", "90s", "--host-id", "yes: #1")
	code, stderr := first.run()
	require.Zero(t, code, stderr)
	require.False(t, first.ran, "--dump must not run the command")
	dumped := first.out.String()
	require.Contains(t, dumped, "batch-age: 1m30s # flag\n")
	require.Contains(t, dumped, "enable: [drop, state] # environment TCPLEDGER_ENABLE\n")
	require.Contains(t, dumped, "flush-rows: 10 # default\n")

	require.NoError(t, os.Unsetenv("TCPLEDGER_ENABLE"))
	second := newProbe("--config", write(t, dumped))
	code, stderr = second.run()
	require.Zero(t, code, stderr)
	require.Equal(t, 90*time.Second, second.age)
	require.Equal(t, "yes: #1", second.name)
	require.Equal(t, []string{"drop", "state"}, second.enable)
}

func TestDumpMasksSecrets(t *testing.T) {
	t.Setenv("TCPLEDGER_PROBE_SECRET", "hunter2")
	p := newProbe("--dump")
	code, stderr := p.run()
	require.Zero(t, code, stderr)
	require.NotContains(t, p.out.String(), "hunter2")
	require.Contains(t, p.out.String(), `# probe-secret: "********" # environment TCPLEDGER_PROBE_SECRET`)

	again := newProbe("--config", write(t, p.out.String()))
	code, stderr = again.run()
	require.Zero(t, code, stderr)
	require.Equal(t, "hunter2", again.secret, "the mask never becomes the value")
}

func TestCheckRunsOnlyCommandsThatHonourIt(t *testing.T) {
	plain := newProbe("--check")
	code, stderr := plain.run()
	require.Zero(t, code, stderr)
	require.False(t, plain.ran, "an unmarked command would do the real thing")

	marked := newProbe("--check")
	program.Checked(marked.root)
	var asked bool
	marked.root.RunE = func(cmd *cobra.Command, _ []string) error {
		asked = program.Check(cmd)
		return errors.New("kafka: no such authority file")
	}
	code, stderr = marked.run()
	require.Equal(t, 1, code)
	require.True(t, asked)
	require.Equal(t, "tcpledger-probe: kafka: no such authority file\n", stderr)
}

func TestUsageErrorFoundLate(t *testing.T) {
	p := newProbe()
	p.root.RunE = func(*cobra.Command, []string) error { return program.UsageError(errors.New("--enable: no kind x")) }
	code, stderr := p.run()
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "--enable: no kind x")
	require.NoError(t, program.UsageError(nil))
}

// A shell that completes a flag of few words offers these words and no files.
func TestShellsCompleteChoices(t *testing.T) {
	p := newProbe(cobra.ShellCompNoDescRequestCmd, "--log-format", "")
	code, stderr := p.run()
	require.Zero(t, code, stderr)
	require.Equal(t, "text\njson\n:4\n", p.out.String())
}

func TestErrorOfManyLinesIsPrintedAsOne(t *testing.T) {
	p := newProbe()
	p.root.RunE = func(*cobra.Command, []string) error { return errors.Join(errors.New("one"), errors.New("two")) }
	code, stderr := p.run()
	require.Equal(t, 1, code)
	require.Equal(t, "tcpledger-probe: one; two\n", stderr)
}

// The first signal ends the context and a command that stops for it has ended well.
func TestSignalEndsTheContext(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			p := newProbe()
			p.root.RunE = func(cmd *cobra.Command, _ []string) error {
				if err := syscall.Kill(os.Getpid(), signal); err != nil {
					return err
				}
				select {
				case <-cmd.Context().Done():
					return cmd.Context().Err()
				case <-time.After(wait.Long):
					return errors.New("no signal came")
				}
			}
			code, stderr := p.run()
			require.Zero(t, code, stderr)
			require.Empty(t, stderr)
		})
	}
}

// A command that does not stop is killed by the second signal.
func TestSecondSignalKills(t *testing.T) {
	const inChild = "TCPLEDGER_TEST_SECOND_SIGNAL"
	if os.Getenv(inChild) != "" {
		p := newProbe()
		p.root.RunE = func(cmd *cobra.Command, _ []string) error {
			_, _ = os.Stdout.WriteString("ready\n")
			<-cmd.Context().Done()
			select {}
		}
		p.run()
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestSecondSignalKills$")
	child.Env = append(os.Environ(), inChild+"=1")
	stdout, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	_, err = io.ReadFull(stdout, make([]byte, len("ready\n")))
	require.NoError(t, err)
	require.NoError(t, child.Process.Signal(syscall.SIGINT))
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	deadline := time.After(wait.Long)
	for {
		select {
		case err := <-ended:
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			status, ok := exit.Sys().(syscall.WaitStatus)
			require.True(t, ok && status.Signaled() && status.Signal() == syscall.SIGINT, "%v", err)
			return
		case <-deadline:
			_ = child.Process.Kill()
			require.FailNow(t, "outlived its signals")
		case <-time.After(20 * time.Millisecond):
			_ = child.Process.Signal(syscall.SIGINT) // may have ended meanwhile
		}
	}
}

// context.Canceled without a signal is a failure like any other.
func TestCancelledWithoutSignal(t *testing.T) {
	p := newProbe()
	p.root.RunE = func(*cobra.Command, []string) error { return context.Canceled }
	code, _ := p.run()
	require.Equal(t, 1, code)
}

func TestHelpersWorkWhateverTheEnvironmentHolds(t *testing.T) {
	t.Setenv("TCPLEDGER_NO_SUCH_THING", "1")
	cases := map[string]string{
		"completion bash":       "__start_tcpledger-probe",
		"__complete --flush-":   "--flush-rows",
		"__complete oth":        "other",
		"version":               runtime.Version(),
		"--version":             program.Version,
		"--help":                "--batch-age",
		"help other":            "--console-port",
		"completion zsh --help": "zsh",
	}
	for line, want := range cases {
		t.Run(line, func(t *testing.T) {
			p := newProbe(strings.Fields(line)...)
			code, stderr := p.run()
			require.Zero(t, code, stderr)
			require.Contains(t, p.out.String(), want)
			require.False(t, p.ran)
		})
	}
}
