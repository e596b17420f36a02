// SPDX-License-Identifier: Apache-2.0

// Package topics is `tcpledger topics`: it shows the Kafka topics that tcpledger needs beside those on the brokers.
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
	"tcpledger/internal/topics"
)

// maxTime bounds the whole command: brokers that are away fail it.
const maxTime = 30 * time.Second

const (
	defaultPartitions = 6
	maxPartitions     = 10_000
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
	flags.IntVar(&o.replication, "replication-factor", topics.BrokersChoice, "`copies` of each partition; -1 for the brokers' default")
	o.kafka.Register(flags)
	return cmd
}

func (o *options) run(cmd *cobra.Command) error {
	if o.replication < 1 && o.replication != topics.BrokersChoice {
		return program.UsageError(fmt.Errorf("--replication-factor: want 1 or more, or %d for the brokers' default", topics.BrokersChoice))
	}
	client, done, err := topics.NewClient(&o.kafka)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(cmd.Context(), maxTime)
	defer cancel()
	states, err := topics.Inspect(ctx, client, topics.Wanted(o.partitions))
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

func (o *options) runApply(ctx context.Context, out io.Writer, client *kafka.Client, before []topics.State) error {
	if err := topics.Ensure(ctx, client, topics.Wanted(o.partitions), o.replication); err != nil {
		return err
	}
	if err := topics.Alter(ctx, client, before); err != nil {
		return err
	}
	after, err := topics.Inspect(ctx, client, topics.Wanted(o.partitions))
	if err != nil {
		return err
	}
	show(out, after, true)
	return nil
}

// show writes the table and reports whether something is to be done. What differs after an apply is what the brokers insist on.
func show(out io.Writer, states []topics.State, applied bool) (todo bool) {
	t := text.NewTable(0, []string{"TOPIC", "PARTITIONS", "REPLICAS", "STATE"}, 1, 4)
	for i := range states {
		s := &states[i]
		state := lines(s, applied)
		todo = todo || s.Missing() || len(s.Differences) > 0
		if s.Missing() {
			t.Row(s.Want.Name, "", "", state)
			continue
		}
		t.Row(s.Want.Name, s.Partitions, s.Replicas, state)
	}
	_, _ = fmt.Fprintln(out, t)
	return todo
}

func lines(s *topics.State, applied bool) string {
	if s.Missing() {
		return fmt.Sprintf("missing: to create with %d partitions", s.Want.Partitions)
	}
	var all []string
	if s.Leaderless > 0 {
		all = append(all, fmt.Sprintf("%d partitions without a leader", s.Leaderless))
	}
	for _, d := range s.Differences {
		if applied {
			all = append(all, fmt.Sprintf("%s=%s: the brokers keep it, not %s", d.Name, d.Have, d.Want))
			continue
		}
		all = append(all, fmt.Sprintf("%s=%s: to set to %s", d.Name, d.Have, d.Want))
	}
	if len(all) == 0 {
		return "ok"
	}
	return strings.Join(all, "\n")
}
