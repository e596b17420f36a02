// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/test/endings"
)

// page holds the table.
const page = "../../docs/kernels.md"

// TestKernels boots each kernel, runs the suite inside, runs it on the machine's own kernel too, and writes the table.
// TCPLEDGER_TEST_KERNELS chooses the kernels: "all", or names separated by commas, which write no table.
// TCPLEDGER_TEST_KERNEL_ARGS goes on the guests' command line; suite=PATTERN there runs other tests of the suite.
func TestKernels(t *testing.T) {
	only, arguments := os.Getenv("TCPLEDGER_TEST_KERNELS"), os.Getenv("TCPLEDGER_TEST_KERNEL_ARGS")
	if only == "" {
		t.Skip("TCPLEDGER_TEST_KERNELS is not set: make test-kernels")
	}
	kernels := chosen(only)
	require.NotEmpty(t, kernels, "no kernel named %s", only)
	var scenarios []string
	if !strings.Contains(arguments, "suite=") {
		for _, s := range endings.Scenarios() {
			scenarios = append(scenarios, s.Name)
		}
	}
	suite, agent := build(t)
	var runs []*Run
	t.Run("guests", func(t *testing.T) { // returns when the parallel tests in it have ended
		for _, k := range kernels {
			r := &Run{Kernel: k.Name}
			runs = append(runs, r)
			t.Run(k.Name, func(t *testing.T) {
				t.Parallel() // a guest waits for timers most of the time
				r.judge(t, scenarios, func(line func(string)) error { return r.guest(t, k, suite, agent, arguments, line) })
			})
		}
	})
	if only != "all" {
		return
	}
	if arguments == "" {
		own := machineRun(t)
		t.Run("own", func(t *testing.T) {
			own.judge(t, scenarios, func(line func(string)) error { return here(t, suite, agent, line) })
		})
		runs = append(runs, own)
	}
	slices.SortStableFunc(runs, func(a, b *Run) int { return strings.Compare(sortable(a.Kernel), sortable(b.Kernel)) })
	if arguments == "" {
		require.NoError(t, WriteTable(page, Table(scenarios, runs)))
	}
	for _, r := range runs { // again at the end, for a reader who sees only that
		if r.failure != "" {
			t.Errorf("%s: %s", r.Kernel, r.failure)
		}
	}
}

// chosen returns the kernels with exactly these comma-separated names.
func chosen(only string) []Kernel {
	return slices.DeleteFunc(Kernels(), func(k Kernel) bool {
		return only != "all" && !slices.Contains(strings.Split(only, ","), k.Name)
	})
}

// judge runs the suite. It fails if a scenario is wrong or if the run itself failed.
func (r *Run) judge(t *testing.T, scenarios []string, run func(line func(string)) error) {
	var console strings.Builder
	var said output
	began := time.Now()
	err := run(func(line string) {
		console.WriteString(line + "\n")
		said.line(line)
		if r.Line(line) || len(scenarios) == 0 {
			t.Log(line)
		}
	})
	t.Logf("%s took %s", r.Release, time.Since(began).Round(time.Second))
	wrongs := r.Wrongs(scenarios)
	if err != nil || len(wrongs) > 0 {
		t.Logf("all that was printed:\n%s\nwrong:\n%s", console.String(), strings.Join(wrongs, "\n"))
		r.failure = fmt.Sprintf("%v, %d scenarios of %d wrong\n%s", err, len(wrongs), len(scenarios), said.failures())
		t.Fatal(r.failure)
	}
}

// guest boots the kernel with the suite.
func (r *Run) guest(t *testing.T, k Kernel, suite, agent, arguments string, line func(string)) error {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Minute)
	defer cancel()
	u, err := k.Fetch(ctx, cacheDir(t))
	require.NoError(t, err)
	r.Release = u.Release
	if k.Tests != "" && !strings.Contains(arguments, "suite=") {
		arguments += " suite=" + k.Tests
	}
	return boot(ctx, u, suiteGuest(suite, agent), arguments, line)
}

// boot boots the guest, and a second time if it dies of its emulation.
func boot(ctx context.Context, u *Unpacked, g Guest, arguments string, line func(string)) error {
	err := u.Boot(ctx, g, arguments, line)
	if errors.Is(err, ErrNotBegun) || errors.Is(err, ErrPatched) {
		line("AGAIN " + err.Error())
		err = u.Boot(ctx, g, arguments, line)
	}
	return err
}

// machineRun is the table's column for the kernel of this machine.
func machineRun(t *testing.T) *Run {
	var name unix.Utsname
	require.NoError(t, unix.Uname(&name))
	release := unix.ByteSliceToString(name.Release[:])
	number, _, _ := strings.Cut(release, "-") // the rest is the machine's own business
	parts := strings.SplitN(number, ".", 3)
	return &Run{Kernel: strings.Join(parts[:2], ".") + " (not emulated)", Release: number}
}

// here runs the suite on the machine's own kernel.
func here(t *testing.T, suite, agent string, line func(string)) error {
	cmd := exec.Command(suite, "-test.v", "-test.timeout=35m", "-test.run=^TestEndings$")
	cmd.Env = append(os.Environ(), "TCPLEDGER_TEST_AGENT="+agent, "TCPLEDGER_REQUIRE_PRIVILEGED=1")
	cmd.Dir = t.TempDir()
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line(lines.Text())
	}
	return errors.Join(lines.Err(), cmd.Wait())
}

// sortable makes kernels' names sort by their numbers.
func sortable(name string) string {
	return digits.ReplaceAllStringFunc(name, func(n string) string { return fmt.Sprintf("%6s", n) })
}

func cacheDir(t *testing.T) string {
	base, err := os.UserCacheDir()
	require.NoError(t, err)
	return filepath.Join(base, "tcpledger", "kernels")
}

// build builds the suite and the agent, static.
func build(t *testing.T) (suite, agent string) {
	dir := t.TempDir()
	suite, agent = filepath.Join(dir, "suite.test"), filepath.Join(dir, "agent")
	for _, args := range [][]string{{"test", "-c", "-o", suite, "tcpledger/test/suite"}, {"build", "-o", agent, "tcpledger/agent"}} {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return suite, agent
}
