// SPDX-License-Identifier: Apache-2.0

package child

import (
	"context"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

const reaperName = "embedded-reaper"

// Reaped is the command with a reaper between this process and the child: a process of the program exe, which has
// ReaperCommand. The kernel forgets the parent death signal when a program with file capabilities starts. The reaper has no
// capabilities, gets the signal, and ends the child: with SIGTERM, and after grace with SIGKILL.
func Reaped(exe string, command Command, grace time.Duration) Command {
	command.Args = append([]string{reaperName, "--grace", grace.String(), "--", command.Path}, command.Args...)
	command.Path = exe
	command.StopSignal, command.DeathSignal = syscall.SIGTERM, syscall.SIGTERM
	return command
}

// ReaperCommand is the hidden command that a reaper runs.
func ReaperCommand() *cobra.Command {
	var grace time.Duration
	command := &cobra.Command{
		Use:    reaperName,
		Short:  "run a program and end it on SIGTERM",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE:   func(_ *cobra.Command, args []string) error { return reap(args, grace) },
	}
	command.Flags().DurationVar(&grace, "grace", time.Second, "from SIGTERM to SIGKILL")
	return command
}

// reap runs the program until it ends, or until a SIGTERM and the grace after it.
func reap(args []string, grace time.Duration) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	defer signal.Stop(signals)
	// Nobody reads the pipe any more that the program writes its last lines to: SIGPIPE must not end the reaper before it.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)
	process, err := Start(Command{Name: strconv.Quote(args[0]), Path: args[0], Args: args[1:], Output: os.Stdout, StopSignal: syscall.SIGTERM})
	if err != nil {
		return err
	}
	select {
	case <-process.Done():
		return process.Err()
	case <-signals:
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return process.Stop(ctx)
}
