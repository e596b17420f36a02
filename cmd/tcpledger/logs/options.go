// SPDX-License-Identifier: Apache-2.0

// Package logs is `tcpledger logs`, which log lines and spans the endings of a window are behind, and `tcpledger explain`, the story
// behind an order id, a trace id, a line or a tuple.
package logs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"tcpledger/cmd/tcpledger/window"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/query"
	lines "tcpledger/query/logs"
)

// maxTime bounds each question.
const maxTime = time.Minute

// options are what both commands share.
type options struct {
	clickhouse clickhouse.Flags
	tables     lines.Tables
	reach      lines.Reach
	window     window.Flags
	format     *string
	sql        bool
}

func (o *options) register(flags *pflag.FlagSet, length string) {
	o.window.Register(flags)
	flags.Lookup("from").Usage = "first `time` of the window (default " + length + " before --to)"
	flags.StringVar(&o.tables.Logs, "otel-logs", lines.DefaultTables.Logs, "`table` of log lines, as the OpenTelemetry Collector makes it; empty for none")
	flags.StringVar(&o.tables.Traces, "otel-traces", lines.DefaultTables.Traces, "`table` of spans; empty for none")
	flags.DurationVar(&o.reach.Lag, "lag", lines.DefaultReach.Lag, "`time` after a connection's end within which a line may name its ends")
	flags.DurationVar(&o.reach.Near, "near", lines.DefaultReach.Near, "`time` from an ending within which a line of the same container, process or host may be about it")
	flags.BoolVar(&o.sql, "sql", false, "show the SQL too, ready to paste into clickhouse-client")
	o.format = program.Choice(flags, "format", "text", "`format` of the answer: text or json", "text", "json")
	o.reach.Life = lines.DefaultReach.Life
	o.clickhouse.Register(flags)
}

// about reads the window, which is that long if --from is not given, and checks the other flags.
func (o *options) about(now time.Time, length time.Duration) (query.Window, error) {
	w, err := o.window.Window(now)
	if err != nil {
		return w, program.UsageError(err)
	}
	if o.window.From == "" {
		w.From = w.To.Add(-length)
	}
	if err := o.tables.Check(); err != nil {
		return w, program.UsageError(fmt.Errorf("--otel-logs and --otel-traces: %w", err))
	}
	if o.reach.Lag <= 0 || o.reach.Near <= 0 {
		return w, program.UsageError(errors.New("--lag and --near: want more than 0"))
	}
	return w, nil
}

// ask connects, finds the tables of lines and calls f.
func (o *options) ask(ctx context.Context, f func(*clickhouse.DB, *query.Client, *lines.Source) error) error {
	db, err := o.clickhouse.Open()
	if err != nil {
		return err
	}
	return errors.Join(o.asked(ctx, db, f), db.Close())
}

func (o *options) asked(ctx context.Context, db *clickhouse.DB, f func(*clickhouse.DB, *query.Client, *lines.Source) error) error {
	if err := db.Ping(ctx); err != nil && clickhouse.Code(err) == 0 {
		return fmt.Errorf("no ClickHouse answers at --clickhouse %s, its native port: %w", o.clickhouse.Addr, err)
	}
	if err := db.Supported(ctx); errors.As(err, new(*clickhouse.UnfitError)) {
		return err
	}
	client := query.New(db, db.Name, maxTime)
	source, err := lines.Open(ctx, client, o.tables)
	if err != nil {
		return err
	}
	return f(db, client, source)
}
