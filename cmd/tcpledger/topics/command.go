// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"

	"tcpledger/internal/program"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/internal/text"
)

// maxTime bounds the whole command: brokers that are away fail it.
const maxTime = 30 * time.Second

const (
	defaultPartitions = 6
	maxPartitions     = 10_000
	// metadataAge is how old the answer about a topic may be: the command has just changed it.
	metadataAge = 50 * time.Millisecond
)

type options struct {
	kafka       kafkaconn.Flags
	partitions  int
	replication int
	apply       bool
}

// Command makes the command.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "topics",
		Short: "Show the Kafka topics tcpledger needs, and create them",
		Long: `Shows the Kafka topics that tcpledger needs beside those on the brokers. With --apply it creates the missing ones, sets the
configurations that differ and waits until each partition has a leader. It never deletes, and never changes the number of
partitions of a topic: a host's messages would move to another one.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.apply, "apply", false, "create what is missing and alter what differs")
	flags.IntVar(&o.partitions, "partitions", defaultPartitions, "`number` of partitions of the topics of events and meta; those of symbols and builds have 1")
	program.Bounds(flags, "partitions", &o.partitions, 1, maxPartitions)
	flags.IntVar(&o.replication, "replication-factor", BrokersChoice, "`copies` of each partition; -1 for the brokers' default")
	o.kafka.Register(flags)
	return cmd
}

// NewClient makes a client for Ensure and Inspect.
func NewClient(flags *kafkaconn.Flags) (*kafka.Client, func(), error) {
	transport, err := flags.Transport("tcpledger-topics")
	if err != nil {
		return nil, nil, err
	}
	transport.MetadataTTL = metadataAge
	return &kafka.Client{Addr: kafka.TCP(flags.Brokers...), Transport: transport}, transport.CloseIdleConnections, nil
}

func (o *options) run(cmd *cobra.Command) error {
	if o.replication < 1 && o.replication != BrokersChoice {
		return program.UsageError(fmt.Errorf("--replication-factor: want 1 or more, or %d for the brokers' default", BrokersChoice))
	}
	client, done, err := NewClient(&o.kafka)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(cmd.Context(), maxTime)
	defer cancel()
	states, err := Inspect(ctx, client, Wanted(o.partitions))
	if err != nil {
		return err
	}
	if o.apply {
		return o.runApply(ctx, cmd.OutOrStdout(), client, states)
	}
	if todo := show(cmd.OutOrStdout(), states, false); todo {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), "\ntcpledger topics --apply does what stands there as to create and to set.")
	}
	return err
}

func (o *options) runApply(ctx context.Context, out io.Writer, client *kafka.Client, before []State) error {
	if err := Ensure(ctx, client, Wanted(o.partitions), o.replication); err != nil {
		return err
	}
	if err := alter(ctx, client, before); err != nil {
		return err
	}
	after, err := Inspect(ctx, client, Wanted(o.partitions))
	if err != nil {
		return err
	}
	show(out, after, true)
	return nil
}

// show writes the table and reports whether something is to be done. After an apply, what still differs is the brokers' will.
func show(out io.Writer, states []State, applied bool) (todo bool) {
	t := text.NewTable(0, []string{"TOPIC", "PARTITIONS", "REPLICAS", "STATE"}, 1, 4)
	for i := range states {
		s := &states[i]
		lines := s.lines(applied)
		todo = todo || s.Missing() || len(s.Differences) > 0
		if s.Missing() {
			t.Row(s.Want.Name, "", "", lines)
			continue
		}
		t.Row(s.Want.Name, s.Partitions, s.Replicas, lines)
	}
	_, _ = fmt.Fprintln(out, t)
	return todo
}

func (s *State) lines(applied bool) string {
	if s.Missing() {
		return fmt.Sprintf("missing: to create with %d partitions", s.Want.Partitions)
	}
	var lines []string
	if s.Leaderless > 0 {
		lines = append(lines, fmt.Sprintf("%d partitions without a leader", s.Leaderless))
	}
	for _, d := range s.Differences {
		if applied {
			lines = append(lines, fmt.Sprintf("%s=%s: the brokers keep it, not %s", d.Name, d.Have, d.Want))
			continue
		}
		lines = append(lines, fmt.Sprintf("%s=%s: to set to %s", d.Name, d.Have, d.Want))
	}
	if len(lines) == 0 {
		return "ok"
	}
	return strings.Join(lines, "\n")
}
