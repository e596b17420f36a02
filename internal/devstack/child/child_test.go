// SPDX-License-Identifier: Apache-2.0

package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/test/wait"
)

// The parent death signal is a thread's: capable must run on the first.
func init() { runtime.LockOSThread() }

// TestMain lets this test binary be the children of its own tests.
func TestMain(m *testing.M) {
	if RunHidden(&cobra.Command{Use: "echo", RunE: echo}, &cobra.Command{Use: "deaf", RunE: deaf}, &cobra.Command{Use: "capable", RunE: capable},
		&cobra.Command{Use: "parent", RunE: parent}, &cobra.Command{Use: "fail", RunE: fail},
		&cobra.Command{Use: "reaping-parent", RunE: reapingParent}, ReaperCommand(), NetworkCommand(),
		&cobra.Command{Use: "away", RunE: away}, &cobra.Command{Use: "own-network-parent", RunE: ownNetworkParent}) {
		return
	}
	m.Run()
}

// echo says "up", then what it reads, then "bye" at the end of its input.
func echo(command *cobra.Command, _ []string) error {
	command.Println("up")
	if _, err := io.Copy(command.OutOrStderr(), os.Stdin); err != nil {
		return err
	}
	command.Println("bye")
	return nil
}

// deaf hears neither the end of its input nor SIGTERM.
func deaf(command *cobra.Command, _ []string) error {
	signal.Ignore(syscall.SIGTERM)
	command.Println("child", os.Getpid(), "started")
	select {}
}

// capable is deaf as an agent with file capabilities is: the kernel has forgotten its parent death signal. It says that it heard.
func capable(command *cobra.Command, _ []string) error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	command.Println("child", os.Getpid(), "started")
	for range signals {
		command.Println("heard")
	}
	return nil
}

func fail(*cobra.Command, []string) error { return errors.New("no luck") }

// parent starts a deaf child and waits for ever.
func parent(*cobra.Command, []string) error {
	if _, err := start("deaf", os.Stdout); err != nil {
		return err
	}
	select {}
}

// reapingParent is parent, with a reaper between it and the capable child.
func reapingParent(*cobra.Command, []string) error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	command := Reaped(path, Command{Name: "capable", Path: path, Args: []string{"capable"}, Output: os.Stdout}, 200*time.Millisecond)
	if _, err := Start(command); err != nil {
		return err
	}
	select {}
}

func start(name string, output io.Writer) (*Process, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return Start(Command{Name: name, Path: path, Args: []string{name}, Output: output, StopSignal: syscall.SIGTERM})
}

func says(p *Process, word string) func(context.Context) error {
	return func(context.Context) error {
		if strings.Contains(p.Tail(), word) {
			return nil
		}
		return fmt.Errorf("not said yet: %s", word)
	}
}

func TestStopClosesTheInputAndWaits(t *testing.T) {
	var output bytes.Buffer
	path, err := os.Executable()
	require.NoError(t, err)
	p, err := Start(Command{Name: "echo", Path: path, Args: []string{"echo"}, Output: &output})
	require.NoError(t, err)
	require.NoError(t, p.Await(t.Context(), says(p, "up")))
	require.NoError(t, p.Stop(t.Context()))
	require.Equal(t, "up\nbye\n", output.String())
	require.NoError(t, p.Err())
	require.NoError(t, p.Stop(t.Context()), "a second Stop changes nothing")
}

func TestStopKillsWhatDoesNotEnd(t *testing.T) {
	p, err := start("deaf", nil)
	require.NoError(t, err)
	require.NoError(t, p.Await(t.Context(), says(p, "started")))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Stop(ctx), ErrKilled)
	require.ErrorContains(t, p.Err(), "killed")
	require.ErrorContains(t, p.Err(), "started", "the last words are in the error")
}

func TestAwaitSeesTheChildEnd(t *testing.T) {
	p, err := start("fail", nil)
	require.NoError(t, err)
	err = p.Await(t.Context(), func(context.Context) error { return errors.New("never") })
	require.ErrorContains(t, err, "no luck")
}

func TestAMissingProgramIsAnError(t *testing.T) {
	_, err := Start(Command{Name: "ghost", Path: filepath.Join(t.TempDir(), "ghost")})
	require.ErrorContains(t, err, "starting ghost")
}

func TestChildrenDieWithAKilledParent(t *testing.T) {
	for _, name := range []string{"parent", "reaping-parent"} {
		t.Run(name, func(t *testing.T) { diesWith(t, name) })
	}
}

func diesWith(t *testing.T, parent string) {
	p, err := start(parent, nil)
	require.NoError(t, err)
	require.NoError(t, p.Await(t.Context(), says(p, "started")))
	_, after, found := strings.Cut(p.Tail(), "child ")
	require.True(t, found, p.Tail())
	pid, err := strconv.Atoi(strings.Fields(after)[0])
	require.NoError(t, err)
	require.True(t, alive(pid))

	require.NoError(t, p.Kill())
	require.Eventually(t, func() bool { return !alive(pid) }, wait.Long, 10*time.Millisecond)
}

// alive reports whether the process exists and is not a zombie waiting for its reaper.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, found := strings.Cut(string(text), ") ")
	return found && !strings.HasPrefix(state, "Z")
}

func TestTailKeepsTheLastLines(t *testing.T) {
	var kept tail
	for i := range 10_000 {
		_, err := fmt.Fprintln(&kept, "line", i)
		require.NoError(t, err)
	}
	require.True(t, strings.HasSuffix(kept.String(), "line 9998\nline 9999"))
	require.Len(t, strings.Split(kept.String(), "\n"), tailLines)
}
