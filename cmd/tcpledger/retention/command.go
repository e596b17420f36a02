// SPDX-License-Identifier: Apache-2.0

// Package retention is `tcpledger retention`: how long each table keeps its rows, and what they take.
package retention

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/internal/text"
)

type options struct {
	clickhouse clickhouse.Flags
	keep       []string // table=time
	cold       []string // table=time
	volume     string
	apply      bool
}

// Command makes the command.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "retention",
		Short: "Show how long each table keeps its rows and what they take, and change it",
		Long: `Shows for each table how long it keeps its rows, when they move to another volume, and how many bytes they take on the disk.
Rows of the ledger age from when they were stored, those of a rollup from their own time. ClickHouse deletes and moves rows when it
merges, some hours late.

With --keep and --cold it shows what would change; --apply changes it. A shorter time deletes what is older, for good. The volume of
--cold is one of the storage policy that the server gives the table.`,
		Example: `  tcpledger retention
  tcpledger retention --keep connections=90d --keep events=30d --keep peers_1h=2y --apply
  tcpledger retention --keep closes_1m=forever --cold connections=14d --cold-volume cold --apply`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.keep, "keep", nil, "keep a table's rows for so long, `table=time`: 90d, 2y or forever; may be given again")
	flags.StringSliceVar(&o.cold, "cold", nil, "move a table's rows to the cold volume after so long, `table=time`: 14d, or never; may be given again")
	flags.StringVar(&o.volume, "cold-volume", "cold", "`name` of the volume of --cold")
	flags.BoolVar(&o.apply, "apply", false, "make the changes")
	o.clickhouse.Register(flags)
	return cmd
}

func (o *options) run(cmd *cobra.Command) error {
	if o.apply && len(o.keep)+len(o.cold) == 0 {
		return program.UsageError(errors.New("--apply: want --keep or --cold with it"))
	}
	db, err := o.clickhouse.Open()
	if err != nil {
		return err
	}
	return errors.Join(o.runOn(cmd.Context(), cmd.OutOrStdout(), db), db.Close())
}

func (o *options) runOn(ctx context.Context, out io.Writer, db *clickhouse.DB) error {
	tables, err := db.Retention(ctx)
	if err != nil {
		return err
	}
	changed, err := o.changes(tables)
	if err != nil {
		return program.UsageError(err)
	}
	for _, c := range changed {
		verb := "would keep"
		if o.apply {
			if err := db.Keep(ctx, c); err != nil {
				return err
			}
			verb = "keeps"
		}
		_, _ = fmt.Fprintf(out, "%s %s rows %s%s\n", c.Table, verb, kept(&c), moved(&c))
	}
	if o.apply {
		if tables, err = db.Retention(ctx); err != nil {
			return err
		}
	}
	if len(changed) > 0 {
		_, _ = fmt.Fprintln(out)
	}
	return show(out, tables)
}

// changes are the tables that the flags name, as they would be.
func (o *options) changes(tables []clickhouse.Retention) ([]clickhouse.Retention, error) {
	keep, err := byTable("--keep", o.keep)
	if err != nil {
		return nil, err
	}
	cold, err := byTable("--cold", o.cold)
	if err != nil {
		return nil, err
	}
	named := maps.Clone(keep)
	maps.Copy(named, cold)
	var out []clickhouse.Retention
	for _, name := range slices.Sorted(maps.Keys(named)) {
		i := slices.IndexFunc(tables, func(r clickhouse.Retention) bool { return r.Table == name })
		if i < 0 || !tables[i].Ages() {
			return nil, fmt.Errorf("no table %q whose rows age: one of %s", name, ageing(tables))
		}
		r := tables[i]
		if text, ok := keep[name]; ok {
			days, err := parseDays(text, "forever")
			if err != nil {
				return nil, fmt.Errorf("--keep %s=%s: %w", name, text, err)
			}
			r.Days = days
		}
		if text, ok := cold[name]; ok {
			days, err := parseDays(text, "never")
			if err != nil {
				return nil, fmt.Errorf("--cold %s=%s: %w", name, text, err)
			}
			r.Cold, r.ColdDays = "", 0
			if days > 0 {
				r.Cold, r.ColdDays = o.volume, days
			}
		}
		if r.Cold != "" && r.Days > 0 && r.ColdDays >= r.Days {
			return nil, fmt.Errorf("%s: rows move after %d days and are deleted after %d", name, r.ColdDays, r.Days)
		}
		out = append(out, r)
	}
	return out, nil
}

// byTable reads the values of a flag, each table=time.
func byTable(flag string, values []string) (map[string]string, error) {
	out := map[string]string{}
	for _, value := range values {
		table, time, ok := strings.Cut(value, "=")
		if _, twice := out[table]; !ok || twice {
			return nil, fmt.Errorf("%s %s: want table=time, each table once", flag, value)
		}
		out[table] = time
	}
	return out, nil
}

func ageing(tables []clickhouse.Retention) string {
	var names []string
	for i := range tables {
		if tables[i].Ages() {
			names = append(names, tables[i].Table)
		}
	}
	return strings.Join(names, ", ")
}

const day = 24 * time.Hour

// maxDays is a century.
const maxDays = 36_500

// parseDays reads a time in whole days; none is the word for 0.
func parseDays(s, none string) (int, error) {
	if s == none {
		return 0, nil
	}
	d, err := model.ParseDuration(s)
	days := time.Duration(d) / day
	if err != nil || time.Duration(d)%day != 0 || days < 1 || days > maxDays {
		return 0, fmt.Errorf("want whole days like 90d, 26w or 2y, or %s", none)
	}
	return int(days), nil
}

func kept(r *clickhouse.Retention) string {
	if r.Days == 0 {
		return "for ever"
	}
	return fmt.Sprintf("for %d days", r.Days)
}

func moved(r *clickhouse.Retention) string {
	if r.Cold == "" {
		return ""
	}
	return fmt.Sprintf(", on %s after %d days", text.Printable(r.Cold), r.ColdDays)
}

func show(out io.Writer, tables []clickhouse.Retention) error {
	t := text.NewTable(0, []string{"TABLE", "KEEPS ROWS", "ROWS", "ON DISK", "BYTES A ROW"}, 1, 2)
	var bytes uint64
	for i := range tables {
		r := &tables[i]
		row := "·"
		if r.Rows > 0 {
			row = fmt.Sprintf("%.1f", float64(r.Bytes)/float64(r.Rows))
		}
		t.Row(r.Table, kept(r)+moved(r), text.Count(r.Rows), text.Bytes(r.Bytes), row)
		bytes += r.Bytes
	}
	_, err := fmt.Fprintf(out, "%s\n\n%s in all\n", t.String(), text.Bytes(bytes))
	return err
}
