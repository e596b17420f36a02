// SPDX-License-Identifier: Apache-2.0

// Package ends is `tcpledger ends`: what both ends of the connections of a window say together.
package ends

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
	"tcpledger/internal/report"
	"tcpledger/internal/text"
	"tcpledger/query"
)

// maxTime bounds each question.
const maxTime = time.Minute

// maxTop bounds --top.
const maxTop = 1000

type options struct {
	clickhouse clickhouse.Flags
	window     window.Flags
	filter     query.Filter
	remote     string
	around     time.Duration
	between    bool
	top        int
	format     *string
	sql        bool
}

// Command makes the command.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "ends",
		Short: "Show both ends of connections, who moved first, and resets that neither sent",
		Long: `Finds for each connection that ended in a window its other end, through DNAT too, and says what both rows say together: who moved
first, "cannot tell" within the errors of the clocks, and what something between the two did. With --between it shows only what neither
end did: the resets of firewalls, balancers and connection tracking.

The other end is looked for in the --around before and after the window, too: a keepalive may end it 2 hours after the first.

` + window.Help,
		Example: `  tcpledger ends --from 14:00 --to 14:10 --host web-1
  tcpledger ends --from -1h --between
  tcpledger ends --from 14:00 --to 14:01 --remote 10.96.0.10 --around 3h --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, time.Now()) },
	}
	flags := cmd.Flags()
	o.window.Register(flags)
	flags.StringVar(&o.filter.Host, "host", "", "only endings on this `host`")
	flags.StringVar(&o.remote, "remote", "", "only endings with this remote `IP` address or range (CIDR)")
	flags.StringVar(&o.filter.Cause, "cause", "", "only endings of this `cause`")
	flags.DurationVar(&o.around, "around", query.DefaultAround, "`time` before and after the window in which the other end is looked for, too")
	program.Bounds(flags, "around", &o.around, time.Second, query.MaxAround)
	flags.BoolVar(&o.between, "between", false, "only what neither end did")
	flags.IntVar(&o.top, "top", 20, "`lines` of each table")
	program.Bounds(flags, "top", &o.top, 1, maxTop)
	flags.BoolVar(&o.sql, "sql", false, "show the SQL too, ready to paste into clickhouse-client")
	o.format = program.Choice(flags, "format", report.Text, "`format` of the answer: text, markdown, json or html", report.Formats()...)
	o.clickhouse.Register(flags)
	return cmd
}

func (o *options) run(cmd *cobra.Command, now time.Time) error {
	w, err := o.window.Window(now)
	if err != nil {
		return program.UsageError(err)
	}
	if o.filter.Remote, err = query.ParseRemote(o.remote); err != nil {
		return program.UsageError(fmt.Errorf("--remote: %w", err))
	}
	db, err := o.clickhouse.Open()
	if err != nil {
		return err
	}
	return errors.Join(o.show(cmd.Context(), cmd.OutOrStdout(), query.New(db, db.Name, maxTime), w), db.Close())
}

func (o *options) show(ctx context.Context, out io.Writer, client *query.Client, w query.Window) error {
	r := &report.Report{Title: "Both ends", Head: []string{w.From.In(o.window.Location()).Format(time.DateTime) + " to " + w.To.In(o.window.Location()).Format("2006-01-02 15:04:05 MST")},
		Fields: text.Object{{Name: "from", Value: w.From.In(o.window.Location())}, {Name: "to", Value: w.To.In(o.window.Location())}}}
	if !o.between {
		r.Sections = append(r.Sections, o.verdicts(ctx, client, w))
	}
	r.Sections = append(r.Sections, o.connections(ctx, client, w))
	for _, s := range r.Sections {
		if s.Err != nil {
			return s.Err
		}
	}
	return r.Write(out, *o.format, report.Layout{SQL: o.sql})
}
