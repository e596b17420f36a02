// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tcpledger/cmd/tcpledger/window"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/internal/text"
	"tcpledger/query"
	lines "tcpledger/query/logs"
)

// maxTop bounds --top and --lines.
const maxTop = 1000

type command struct {
	options
	filter lines.Filter
	top    int
	list   int
	make   bool
}

// Report is the answer of `tcpledger logs`.
type Report struct {
	From      time.Time         `json:"from"`
	To        time.Time         `json:"to"`
	Absent    string            `json:"absent,omitempty"`
	Services  []lines.Explained `json:"lines"`
	Errors    []lines.Explained `json:"errors"`
	Mentioned []lines.Mentioned `json:"endings"`
	Storms    []lines.Storm     `json:"storms,omitempty"`
	Matches   []lines.Match     `json:"matches,omitempty"`
	SQL       []string          `json:"sql,omitempty"`
}

// Command makes `tcpledger logs`.
func Command() *cobra.Command {
	var o command
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Which log lines and spans speak of connections that ended, and which endings no line mentions",
		Long: `Joins the log lines and spans of a window with the connections that ended: how many lines of each service one ending explains, which
errors none explains, how many endings of each service a line mentions, and how many of each storm. With --lines it lists lines with the connections behind them.

Lines are those of the OpenTelemetry Collector's ClickHouse exporter. A line is matched by the ends it names, else by its container
or pod, its process or its host, and the time; a line that fits several connections is counted as that.

` + window.Help,
		Example: `  tcpledger logs --from 14:00 --to 14:10
  tcpledger logs --from -5m --service checkout --errors --lines 20`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, time.Now()) },
	}
	flags := cmd.Flags()
	o.register(flags, "15 minutes")
	flags.StringVar(&o.filter.Service, "service", "", "only lines of this `service`")
	flags.StringVar(&o.filter.Host, "host", "", "only lines written on this `host` (host.name)")
	flags.StringVar(&o.filter.Text, "text", "", "only lines that have this `text`")
	flags.BoolVar(&o.filter.Errors, "errors", false, "only errors")
	flags.IntVar(&o.top, "top", 10, "`lines` of each table")
	program.Bounds(flags, "top", &o.top, 1, maxTop)
	flags.IntVar(&o.list, "lines", 0, "list so `many` lines with the connections behind them")
	program.Bounds(flags, "lines", &o.list, 0, maxTop)
	flags.BoolVar(&o.make, "make-views", false, "make the questions of this command as views in tcpledger's database, for the tables as they are now, and end")
	return cmd
}

func (o *command) run(cmd *cobra.Command, now time.Time) error {
	w, err := o.about(now, query.DefaultWindow)
	if err != nil {
		return err
	}
	return o.ask(cmd.Context(), func(db *clickhouse.DB, _ *query.Client, source *lines.Source) error {
		if o.make {
			return makeViews(cmd.Context(), cmd.OutOrStdout(), db, source, o.reach)
		}
		report := &Report{From: w.From, To: w.To, Absent: source.Absent}
		ctx := cmd.Context()
		if o.sql {
			ctx = collected(ctx, &report.SQL)
		}
		if err := o.collect(ctx, report, source, w); err != nil {
			return err
		}
		return o.write(cmd.OutOrStdout(), report, o.window.Location())
	})
}

func (o *command) collect(ctx context.Context, r *Report, source *lines.Source, w query.Window) (err error) {
	if r.Services, err = source.Explained(ctx, w, o.filter, o.reach, o.top); err != nil {
		return err
	}
	errorsOnly := o.filter
	errorsOnly.Errors = true
	if r.Errors, err = source.Explained(ctx, w, errorsOnly, o.reach, o.top); err != nil {
		return err
	}
	if r.Mentioned, err = source.Mentioned(ctx, w, o.filter, o.reach, o.top); err != nil {
		return err
	}
	if r.Storms, err = source.Storms(ctx, w, o.filter, o.reach); err != nil || o.list == 0 {
		return err
	}
	r.Matches, err = source.Behind(ctx, w, o.filter, o.reach, o.list)
	return err
}

func (o *command) write(out io.Writer, r *Report, zone *time.Location) error {
	if *o.format == "json" {
		return text.WriteJSON(out, r)
	}
	_, err := io.WriteString(out, r.text(zone)+printable(strings.Join(r.SQL, "\n")))
	return err
}

// makeViews makes the views and says their names.
func makeViews(ctx context.Context, out io.Writer, db *clickhouse.DB, source *lines.Source, reach lines.Reach) error {
	if !source.Found() {
		return fmt.Errorf("no view is made: %s", source.Absent)
	}
	for _, view := range source.Views(reach) {
		if err := db.Exec(ctx, view.SQL); err != nil {
			return fmt.Errorf("make the view %s: %w", view.Name, err)
		}
		_, _ = fmt.Fprintf(out, "%s: %s\n", view.Name, view.Doc)
	}
	return nil
}
