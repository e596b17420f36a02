// SPDX-License-Identifier: Apache-2.0

// Package postmortem is `tcpledger postmortem`: how the connections of a window ended, by cause, owner, remote and code path,
// with what was lost in it and how far it is known.
package postmortem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tcpledger/cmd/tcpledger/window"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/internal/report"
	"tcpledger/query"
	"tcpledger/query/logs"
)

// maxTime bounds each question.
const maxTime = time.Minute

// maxTop bounds --top.
const maxTop = 1000

type options struct {
	clickhouse clickhouse.Flags
	window     window.Flags
	against    string
	logs       logs.Tables
	host       string
	remote     string
	top        int
	format     *string
	output     string
	maxRows    uint64
	sql        bool
}

// Command makes the command.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "postmortem",
		Short: "How connections ended in a window of time, who ended them, and what is not known",
		Long: `How connections ended in a window of time: who moved first, by cause, owner, service, remote and code path, what they went through
before their end, connects that failed, sockets that linger, events and losses, and what is not known. With --against it says what is new
against another window. A part whose question fails says so in its place; the exit code is then 1.

` + window.Help,
		Example: `  tcpledger postmortem --from 14:00 --to 14:10
  tcpledger postmortem --from -1h --host web-1 --remote 10.1.0.0/16 --format json
  tcpledger postmortem --from 14:00 --to 14:10 --against -7d
  tcpledger postmortem --from 14:00 --to 14:10 --against storm
  tcpledger postmortem --from "2026-11-23 14:00" --to "2026-11-23 14:10" --tz Europe/Berlin --format html --output report.html`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, time.Now()) },
	}
	flags := cmd.Flags()
	o.window.Register(flags)
	flags.StringVar(&o.against, "against", "", "say what is new against another `window`: as long and so much earlier (-1d, -7d), FROM/TO, or the past of the window's largest storm (storm)")
	flags.StringVar(&o.host, "host", "", "only endings on this `host`")
	flags.StringVar(&o.remote, "remote", "", "only endings with this remote `IP` address or range (CIDR)")
	flags.IntVar(&o.top, "top", 5, "`lines` of each table")
	program.Bounds(flags, "top", &o.top, 1, maxTop)
	flags.BoolVar(&o.sql, "sql", false, "show the SQL in text and JSON too, ready to paste into clickhouse-client; Markdown and HTML always have it")
	flags.StringVarP(&o.output, "output", "o", "", "write to this `file`, whole or not at all (default standard output)")
	flags.StringVar(&o.logs.Logs, "otel-logs", logs.DefaultTables.Logs, "`table` of log lines, as the OpenTelemetry Collector makes it; empty for none")
	flags.StringVar(&o.logs.Traces, "otel-traces", logs.DefaultTables.Traces, "`table` of spans; empty for none")
	flags.Uint64Var(&o.maxRows, "max-rows", 1_000_000_000, "refuse a question that would read more `rows`, before it begins; 0 refuses none")
	o.format = program.Choice(flags, "format", report.Text, "`format` of the answer: text, markdown, json or html", report.Formats()...)
	o.clickhouse.Register(flags)
	return cmd
}

// question reads the flags that say what the report is about.
func (o *options) question(now time.Time) (*Scope, error) {
	w, err := o.window.Window(now)
	if err != nil {
		return nil, err
	}
	remote, err := query.ParseRemote(o.remote)
	if err != nil {
		return nil, fmt.Errorf("--remote: %w", err)
	}
	if err := o.logs.Check(); err != nil {
		return nil, fmt.Errorf("--otel-logs and --otel-traces: %w", err)
	}
	against, ofStorm := o.against, o.against == "storm"
	if ofStorm {
		against = ""
	}
	past, err := query.ParseAgainst(against, w, now.In(o.window.Location()))
	if err != nil {
		return nil, fmt.Errorf("--against: %w", err)
	}
	return &Scope{Window: w, Against: past, OfStorm: ofStorm, Logs: o.logs, Filter: query.Filter{Host: o.host, Remote: remote}, Top: o.top, Zone: o.window.Location(), Now: now}, nil
}

func (o *options) run(cmd *cobra.Command, now time.Time) error {
	scope, err := o.question(now)
	if err != nil {
		return program.UsageError(err)
	}
	db, err := o.clickhouse.Open()
	if err != nil {
		return err
	}
	r, err := o.collect(cmd.Context(), db, scope)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := o.write(cmd.OutOrStdout(), r); err != nil {
		return err
	}
	if n := r.Failed(); n > 0 {
		return fmt.Errorf("%d of %d parts of the report have no answer", n, len(r.Sections))
	}
	return nil
}

// collect asks, and says if no ClickHouse answers at all or one that is too old.
func (o *options) collect(ctx context.Context, db *clickhouse.DB, scope *Scope) (*report.Report, error) {
	if err := db.Ping(ctx); err != nil && clickhouse.Code(err) == 0 {
		return nil, fmt.Errorf("no ClickHouse answers at --clickhouse %s, its native port: %w", o.clickhouse.Addr, err)
	}
	var unfit *clickhouse.UnfitError
	if err := db.Supported(ctx); errors.As(err, &unfit) {
		return nil, err
	}
	client := query.New(db, db.Name, maxTime).ReadingAtMost(o.maxRows)
	if err := scope.findPast(ctx, client); err != nil {
		return nil, err
	}
	return Collect(ctx, client, scope)
}

// write writes the report to --output or to out.
func (o *options) write(out io.Writer, r *report.Report) error {
	format := *o.format
	layout := report.Layout{Width: width(out), SQL: o.sql || format == report.Markdown || format == report.HTML}
	if o.output == "" {
		return r.Write(out, format, layout)
	}
	layout.Width = 0
	return report.WriteFile(o.output, func(file io.Writer) error { return r.Write(file, format, layout) })
}

// width is the columns of the terminal that out is, 0 for anything else.
func width(out io.Writer) int {
	file, ok := out.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return columns
}
