// SPDX-License-Identifier: Apache-2.0

package up

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tcpledger/internal/program"
	"tcpledger/schema"
)

// Command is `tcpledger up`. The program must have the hidden commands of devstack.Commands too: its children run them.
func Command() *cobra.Command {
	var o Options
	command := &cobra.Command{
		Use:   "up",
		Short: "Run the whole stack on this machine until Ctrl-C",
		Long: "up runs an embedded Kafka, an embedded ClickHouse, the ingester, the console and the agent on this machine's own\n" +
			"kernel events. It prints \"tcpledger ready: …\" when rows flow. Ctrl-C stops all of it with nothing lost; a second\n" +
			"start on the same data goes on where it was.",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := errors.Join(kinds("--enable", o.Enable), kinds("--disable", o.Disable)); err != nil {
				return program.UsageError(err)
			}
			o.Out = command.OutOrStdout()
			if program.Check(command) {
				return Check(command.Context(), o)
			}
			return Run(command.Context(), o)
		},
	}
	program.Checked(command)
	flags := command.Flags()
	flags.StringVar(&o.Data, "data", defaultData(), "data `directory`")
	portFlag(flags, &o.KafkaPort, "kafka-port", 9092, "`port` of the embedded Kafka")
	portFlag(flags, &o.ClickHousePort, "clickhouse-port", 9000, "native `port` of the embedded ClickHouse")
	portFlag(flags, &o.ClickHouseHTTPPort, "clickhouse-http-port", 8123, "HTTP `port` of the embedded ClickHouse")
	portFlag(flags, &o.ConsolePort, "console-port", 8321, "`port` of the console")
	portFlag(flags, &o.AgentPort, "agent-port", 8322, "`port` of the agent's metrics")
	portFlag(flags, &o.IngesterPort, "ingester-port", 8323, "`port` of the ingester's metrics")
	flags.BoolVar(&o.NoAgent, "no-agent", false, "capture nothing on this machine")
	flags.BoolVar(&o.UnconfinedEngine, "unconfined-engine", false, "run the embedded ClickHouse also where nothing confines it: everybody on this machine may then read and write this user's files, or web pages ask it")
	flags.StringSliceVar(&o.Enable, "enable", nil, "capture this `kind` too (repeatable)")
	flags.StringSliceVar(&o.Disable, "disable", nil, "do not capture this `kind` (repeatable)")
	program.Completions(flags, "enable", schema.CaptureKinds())
	program.Completions(flags, "disable", schema.CaptureKinds())
	return command
}

// maxPort is the largest number of a port.
const maxPort = 65535

func portFlag(flags *pflag.FlagSet, port *int, name string, value int, usage string) {
	flags.IntVar(port, name, value, usage)
	program.Bounds(flags, name, port, 1, maxPort)
}

// kinds makes sure that the agent will know what it is asked to capture.
func kinds(flag string, names []string) error {
	for _, name := range names {
		if _, err := schema.ParseCaptureKind(name); err != nil {
			return fmt.Errorf("%s: %w", flag, err)
		}
	}
	return nil
}
