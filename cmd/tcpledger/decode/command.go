// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"tcpledger/cmd/tcpledger/window"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/schema"
)

type options struct {
	topic      *string
	replay     bool
	apply      bool
	window     window.Flags
	host       string
	clickhouse clickhouse.Flags
	kafka      kafkaconn.Flags
}

// Command makes the command.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "decode [FILE|-]",
		Short: "Show a message of a tcpledger topic as JSON, or bring dead letters back",
		Long: `Shows a message of a tcpledger topic as JSON with every field named. The message is a file, or standard input, with its
bytes or with them in hex.

With --replay it reads the dead letters instead, which an ingester could not read, and says which of them this version
understands. With --apply too it sends those to their topic again: rows that are in the tables already stay one row each. The times of
a message are shown in UTC.

` + window.Help,
		Example: `  kcat -C -b 127.0.0.1:9092 -t tcpledger.events.v1 -o -1 -c 1 -D '' | tcpledger decode -
  tcpledger decode --replay --from -7d`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args, time.Now()) },
	}
	flags := cmd.Flags()
	o.topic = program.Choice(flags, "topic", schema.TopicEvents, "`topic` the message is from", schema.TopicEvents, schema.TopicMeta, schema.TopicSymbols, schema.TopicBuilds)
	flags.BoolVar(&o.replay, "replay", false, "look at the dead letters instead of a file")
	flags.BoolVar(&o.apply, "apply", false, "with --replay: send those that are understood to their topic")
	o.window.Register(flags)
	flags.Lookup("from").Usage = "with --replay: first `time` of arrival (default: the first dead letter)"
	flags.Lookup("to").Usage = "with --replay: `time` before which they arrived (default now)"
	flags.StringVar(&o.host, "host", "", "with --replay: only those of this `host`")
	o.clickhouse.Register(flags)
	o.kafka.Register(flags)
	return cmd
}

func (o *options) run(cmd *cobra.Command, args []string, now time.Time) error {
	if o.replay {
		if len(args) > 0 {
			return program.UsageError(errors.New("--replay reads the dead letters: it takes no file"))
		}
		return o.runReplay(cmd, now)
	}
	if o.apply {
		return program.UsageError(errors.New("--apply wants --replay"))
	}
	path := "-"
	if len(args) == 1 {
		path = args[0]
	}
	message, err := readInput(path, cmd.InOrStdin())
	if err != nil {
		return err
	}
	text, err := JSON(*o.topic, message)
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(text)
	return err
}
