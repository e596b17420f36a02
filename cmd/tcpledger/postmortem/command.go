// SPDX-License-Identifier: Apache-2.0

// Package postmortem is `tcpledger postmortem`: how the connections of a window ended, by cause, owner, remote and code path,
// with what was lost in it and how far it is known.
package postmortem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/query"
)

// maxTime bounds each question.
const maxTime = time.Minute

// maxTop bounds --top.
const maxTop = 1000

type options struct {
	clickhouse clickhouse.Flags
	from, to   string
	host       string
	remote     string
	top        int
	format     *string
	sql        bool
}

// Command makes the command.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "postmortem",
		Short: "How connections ended in a window of time, who ended them, and what is not known",
		Long: `How connections ended in a window of time: by cause, by owner, by remote and by code path, with the events and the losses of the
window and whether the answer is final. A part whose question fails says so in its place; the exit code is then 1.

Times are RFC 3339, "2026-11-23 14:02", 14:02 (today), -10m, -1d or now; without a zone (Z, +01:00, UTC) they are local.`,
		Example: `  tcpledger postmortem --from 14:00 --to 14:10
  tcpledger postmortem --from -1h --host web-1 --remote 10.1.0.0/16 --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, time.Now()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.from, "from", "", "first `time` of the window (default 15 minutes before --to)")
	flags.StringVar(&o.to, "to", "", "`time` before which the window ends (default now)")
	flags.StringVar(&o.host, "host", "", "only endings on this `host`")
	flags.StringVar(&o.remote, "remote", "", "only endings with this remote `IP` address or range (CIDR)")
	flags.IntVar(&o.top, "top", 5, "`lines` of each table")
	program.Bounds(flags, "top", &o.top, 1, maxTop)
	flags.BoolVar(&o.sql, "sql", false, "show the SQL too, ready to paste into clickhouse-client")
	o.format = program.Choice(flags, "format", "text", "`format` of the answer: text or json", "text", "json")
	o.clickhouse.Register(flags)
	return cmd
}

// question reads the flags that say what the report is about.
func (o *options) question(now time.Time) (query.Window, query.Filter, error) {
	w, err := query.ParseWindow(o.from, o.to, now)
	if err != nil {
		return w, query.Filter{}, errors.New("--" + err.Error())
	}
	remote, err := query.ParseRemote(o.remote)
	if err != nil {
		return w, query.Filter{}, fmt.Errorf("--remote: %w", err)
	}
	return w, query.Filter{Host: o.host, Remote: remote}, nil
}

func (o *options) run(cmd *cobra.Command, now time.Time) error {
	w, filter, err := o.question(now)
	if err != nil {
		return program.UsageError(err)
	}
	db, err := o.clickhouse.Open()
	if err != nil {
		return err
	}
	report, err := o.collect(cmd.Context(), db, w, filter)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := o.write(cmd.OutOrStdout(), report, now.Location()); err != nil {
		return err
	}
	if n := len(report.Failed); n > 0 {
		return fmt.Errorf("%d of %d parts of the report have no answer", n, len(report.outcomes()))
	}
	return nil
}

// collect asks, and says if no ClickHouse answers at all or one that is too old.
func (o *options) collect(ctx context.Context, db *clickhouse.DB, w query.Window, filter query.Filter) (*Report, error) {
	if err := db.Ping(ctx); err != nil && clickhouse.Code(err) == 0 {
		return nil, fmt.Errorf("no ClickHouse answers at --clickhouse %s, its native port: %w", o.clickhouse.Addr, err)
	}
	var unfit *clickhouse.UnfitError
	if err := db.Supported(ctx); errors.As(err, &unfit) {
		return nil, err
	}
	return Collect(ctx, query.New(db, db.Name, maxTime), w, filter, o.top)
}

func (o *options) write(out io.Writer, report *Report, zone *time.Location) error {
	if o.sql {
		for _, part := range report.outcomes() {
			for _, q := range part.sent {
				report.SQL = append(report.SQL, q.Text())
			}
		}
	}
	if *o.format == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	return report.WriteText(out, Layout{Zone: zone, Width: width(out)})
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
