// SPDX-License-Identifier: Apache-2.0

// Package audit is `tcpledger audit`: whether the tables hold every record of a window exactly once, and what is missing.
package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tcpledger/cmd/tcpledger/window"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/internal/text"
	"tcpledger/query"
)

// What the command returns beside 0, which is complete.
const (
	exitIncomplete = 1
	exitNotKnown   = 2
	exitNoAnswer   = 3
)

// maxTime bounds a question whose answer is short.
const maxTime = time.Minute

type options struct {
	clickhouse clickhouse.Flags
	window     window.Flags
	host       string
	timeout    time.Duration
	everywhere bool
	format     *string
}

// Command makes the command.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Whether the tables hold every record of a window exactly once, and what is missing",
		Long: `Whether the tables hold every record of a window exactly once. Each record has a number; the checkpoints around the window promise
how many each agent gave. The audit counts these numbers in connections, events, loss and dead letters, for each host, boot, session and
stream, and says in a sentence what is missing, held twice, or not yet known.

` + window.Help + `

The exit code is 0 if all is there, 1 if a number is missing, in a dead letter only, or held twice, 2 if the answer is not yet known (or
the command line is wrong), and 3 if ClickHouse gave no answer.`,
		Example: `  tcpledger audit --from -1h --to -1m
  tcpledger audit --from "2026-11-23 00:00" --to "2026-11-24 00:00" --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, time.Now()) },
	}
	flags := cmd.Flags()
	o.window.Register(flags)
	flags.StringVar(&o.host, "host", "", "only sessions of this `host`")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Minute, "`time` after which the audit gives up")
	flags.BoolVar(&o.everywhere, "everywhere", false, "look for second rows at any time, not only near the window; reads all rows there are")
	o.format = program.Choice(flags, "format", "text", "`format` of the answer: text or json", "text", "json")
	o.clickhouse.Register(flags)
	return cmd
}

func (o *options) run(cmd *cobra.Command, now time.Time) error {
	w, err := o.window.Window(now)
	if err != nil {
		return program.UsageError(err)
	}
	if o.timeout <= 0 {
		return program.UsageError(fmt.Errorf("--timeout: want more than 0, not %s", o.timeout))
	}
	db, err := o.clickhouse.Open()
	if err != nil {
		return err
	}
	result, err := o.ask(cmd.Context(), db, w, now)
	if err := errors.Join(err, db.Close()); err != nil {
		return program.ExitError(exitNoAnswer, err)
	}
	if err := o.write(cmd.OutOrStdout(), result, o.window.Location()); err != nil {
		return program.ExitError(exitNoAnswer, fmt.Errorf("write the answer: %w", err))
	}
	return verdict(result)
}

func (o *options) ask(ctx context.Context, db *clickhouse.DB, w query.Window, now time.Time) (*query.Audit, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	if err := db.Ping(ctx); err != nil && clickhouse.Code(err) == 0 {
		return nil, fmt.Errorf("no ClickHouse answers at --clickhouse %s, its native port: %w", o.clickhouse.Addr, err)
	}
	if err := db.Supported(ctx); errors.As(err, new(*clickhouse.UnfitError)) {
		return nil, err
	}
	return query.New(db, db.Name, maxTime).Audit(ctx, w, query.Filter{Host: o.host}, query.AuditOptions{Now: now, Everywhere: o.everywhere})
}

func (o *options) write(out io.Writer, result *query.Audit, zone *time.Location) error {
	if *o.format == "json" {
		return text.WriteJSON(out, result)
	}
	_, err := io.WriteString(out, textOf(result, zone))
	return err
}

// verdict is the error that carries the exit code.
func verdict(result *query.Audit) error {
	switch result.Verdict {
	case query.Incomplete:
		return program.ExitError(exitIncomplete, errors.New("the window is incomplete"))
	case query.NotKnown:
		return program.ExitError(exitNotKnown, errors.New("the window is not yet known"))
	}
	return nil
}
