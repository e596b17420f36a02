// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
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

// explainLength is the window of explain by default, explainBudget the time to look for lines in it.
const (
	explainLength = 24 * time.Hour
	explainBudget = 30 * time.Second
)

type explain struct {
	options
	budget time.Duration
	around time.Duration
}

// explained is a story with the questions that it was collected with.
type explained struct {
	*lines.Story
	SQL []string `json:"sql"`
}

// ExplainCommand makes `tcpledger explain`.
func ExplainCommand() *cobra.Command {
	var o explain
	cmd := &cobra.Command{
		Use:   "explain TEXT",
		Short: "Tell what happened to the connections behind an order id, a trace id, a log line or a tuple",
		Long: `Tells what happened to the connections behind a text, in a few sentences with times, both ends and what says so.

The text is a tuple ("10.0.0.1:40000 -> 10.0.0.5:5432", as ss, tcpdump or conntrack write it; one end is enough), a trace id, or what a
log line or span holds: an order id, or the line itself. Lines are those of the OpenTelemetry Collector's ClickHouse exporter. They
are looked for from the end of the window back. A line that fits several connections is said to be undecided; none is chosen.

` + window.Help,
		Example: `  tcpledger explain order-1234
  tcpledger explain "10.0.0.1:40000 -> 10.0.0.5:5432" --from 14:00 --to 14:10
  tcpledger explain 0af7651916cd43dd8448eb211c80319c --format json`,
		Args: cobra.ArbitraryArgs, // a missing text is a usage error of run, so that --dump and --check need none
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, strings.TrimSpace(strings.Join(args, " ")), time.Now())
		},
	}
	o.register(cmd.Flags(), "a day")
	cmd.Flags().DurationVar(&o.budget, "look", explainBudget, "`time` to look for lines")
	cmd.Flags().DurationVar(&o.around, "around", query.DefaultAround, "`time` before and after a connection's end in which its other end is looked for")
	program.Bounds(cmd.Flags(), "around", &o.around, time.Second, query.MaxAround)
	return cmd
}

func (o *explain) run(cmd *cobra.Command, asked string, now time.Time) error {
	w, err := o.about(now, explainLength)
	if err != nil {
		return err
	}
	if asked == "" {
		return program.UsageError(errors.New("want a text: an order id, a trace id, a log line or a tuple"))
	}
	return o.ask(cmd.Context(), func(_ *clickhouse.DB, client *query.Client, source *lines.Source) error {
		told := explained{SQL: []string{}}
		ctx := collected(cmd.Context(), &told.SQL)
		teller := &lines.Teller{Client: client, Source: source, Reach: o.reach, Budget: o.budget, Around: o.around}
		if told.Story, err = teller.Tell(ctx, asked, w); err != nil {
			return err
		}
		return o.write(cmd.OutOrStdout(), &told, o.window.Location(), client)
	})
}

func (o *explain) write(out io.Writer, told *explained, zone *time.Location, client *query.Client) error {
	if *o.format == "json" {
		return text.WriteJSON(out, told)
	}
	var b strings.Builder
	(&tale{&b, zone}).tell(told.Story)
	writeRows(&b, client, told.Story)
	if o.sql {
		fmt.Fprintf(&b, "\n%s", printable(strings.Join(told.SQL, "\n")))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// writeRows writes the SQL that shows the rows of the story.
func writeRows(b *strings.Builder, client *query.Client, s *lines.Story) {
	rows := make([]lines.Row, 0, len(s.Threads))
	for i := range s.Threads {
		rows = append(rows, s.Threads[i].Row)
		if other := s.Threads[i].Other; other != nil {
			rows = append(rows, *other)
		}
	}
	if len(rows) > 0 {
		fmt.Fprintf(b, "\nTHE ROWS\n%s\n", printable(lines.RowsSQL(client, rows)))
	}
}

// collected keeps what f sends.
func collected(ctx context.Context, sql *[]string) context.Context {
	return query.WithTrace(ctx, func(q query.Question) { *sql = append(*sql, q.Text()) })
}
