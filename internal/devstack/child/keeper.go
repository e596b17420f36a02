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

const keeperName = "embedded-keeper"

// Kept is the command behind a keeper: a process of the program exe (which has KeeperCommand) between this one and the child.
// The kernel forgets the parent death signal when a program with file capabilities starts; the keeper has none, gets the
// signal, and ends the child: with SIGTERM, and after grace with SIGKILL.
func Kept(exe string, command Command, grace time.Duration) Command {
	command.Args = append([]string{keeperName, "--grace", grace.String(), "--", command.Path}, command.Args...)
	command.Path = exe
	command.StopSignal, command.DeathSignal = syscall.SIGTERM, syscall.SIGTERM
	return command
}

// KeeperCommand is the hidden command that a keeper runs.
func KeeperCommand() *cobra.Command {
	var grace time.Duration
	command := &cobra.Command{
		Use:    keeperName,
		Short:  "run a program and end it on SIGTERM",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE:   func(_ *cobra.Command, args []string) error { return keep(args, grace) },
	}
	command.Flags().DurationVar(&grace, "grace", time.Second, "from SIGTERM to SIGKILL")
	return command
}

// keep runs the program until it ends, or until a SIGTERM and the grace after it.
func keep(args []string, grace time.Duration) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	defer signal.Stop(signals)
	// What the program says on its way out goes to a pipe that nobody reads any more: no reason to die before it has ended.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)
	kept, err := Start(Command{Name: strconv.Quote(args[0]), Path: args[0], Args: args[1:], Output: os.Stdout, StopSignal: syscall.SIGTERM})
	if err != nil {
		return err
	}
	select {
	case <-kept.Done():
		return kept.Err()
	case <-signals:
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return kept.Stop(ctx)
}
