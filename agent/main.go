// SPDX-License-Identifier: Apache-2.0

// Command tcpledger-agent runs on every host: it records how each TCP connection ended and sends that to Kafka.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"tcpledger/agent/print"
	"tcpledger/internal/program"
)

func main() { os.Exit(program.Main(rootCommand())) }

func rootCommand() *cobra.Command {
	var o options
	cmd := program.Command("tcpledger-agent", "Record how every TCP connection of this host ended",
		"tcpledger-agent watches the kernel's TCP tracepoints and sends to Kafka one record for every connection that ended,\n"+
			"with the evidence of why and by whom, and the resets, drops, retransmissions and errors on the way.\n"+
			"It needs CAP_BPF and CAP_PERFMON, and CAP_SYSLOG for the names of kernel functions.")
	cmd.Args = cobra.NoArgs
	o.register(cmd.Flags())
	program.Checked(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return run(cmd, &o) }
	cmd.AddCommand(statusCommand(), prepareCommand(), uninstallCommand())
	return cmd
}

// run is the agent from its beginning to its end: configuration, privileges, port, kernel side, then Kafka behind it.
func run(cmd *cobra.Command, o *options) error {
	if err := o.check(); err != nil {
		return err
	}
	// A reader that is gone (`| head`) ends --stdout without killing it. A log without a reader does not end the agent.
	signal.Ignore(syscall.SIGPIPE)
	a, err := build(cmd, o)
	if err != nil {
		return err
	}
	if program.Check(cmd) {
		return a.server.Close()
	}
	ctx := cmd.Context()
	if o.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	if err := a.run(ctx); err != nil && !errors.Is(err, print.ErrClosed) {
		return err
	}
	return nil
}
