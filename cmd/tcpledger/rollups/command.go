// SPDX-License-Identifier: Apache-2.0

// Package rollups is `tcpledger rollups`: how the rollups are, and how they are computed anew.
package rollups

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
	"tcpledger/schema"
)

type options struct {
	clickhouse clickhouse.Flags
	rebuild    bool
	shrink     bool
	mend       bool
	window     window.Flags
	only       []string
}

// Command makes the command.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "rollups",
		Short: "Show how far the rollups are computed, and compute them anew",
		Long: `Shows for each rollup when ClickHouse refreshed it last, why that failed if it did, and how many of its five minutes or hours wait
to be computed. ClickHouse does that by itself.

With --rebuild it computes the rollups of a window anew from their rows, whatever they hold. Rows stay as they are. Five minutes or
an hour whose count would become less keep what they have, since their rows may have aged out; --shrink lets the count become less.

With --mend it reads every part of the rollups, and of the notes of what to compute. It sets aside what ClickHouse cannot read, and lets
it be computed anew.

` + window.Help,
		Example: `  tcpledger rollups
  tcpledger rollups --rebuild --from 2026-11-01 --to 2026-12-01
  tcpledger rollups --rebuild --from -1d --rollup closes_1m --rollup closes_1h
  tcpledger rollups --mend`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, time.Now()) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.rebuild, "rebuild", false, "compute the window's rollups anew")
	flags.BoolVar(&o.mend, "mend", false, "set broken parts aside and compute anew what they held")
	o.window.Register(flags)
	flags.Lookup("from").Usage = "first `time` of the window to rebuild"
	flags.BoolVar(&o.shrink, "shrink", false, "let counts become less; not for times whose rows may have aged out")
	flags.StringSliceVar(&o.only, "rollup", nil, "only this `rollup`; may be given again")
	o.clickhouse.Register(flags)
	return cmd
}

func (o *options) run(cmd *cobra.Command, now time.Time) error {
	chosen, err := o.chosen()
	if err != nil {
		return program.UsageError(err)
	}
	w, err := o.rebuilt(now)
	if err != nil {
		return program.UsageError(err)
	}
	db, err := o.clickhouse.Open()
	if err != nil {
		return err
	}
	switch {
	case o.mend:
		err = mend(cmd.Context(), cmd.OutOrStdout(), db)
	case o.rebuild:
		err = rebuild(cmd.Context(), cmd.OutOrStdout(), db, chosen, w, o.shrink)
	default:
		err = show(cmd.Context(), cmd.OutOrStdout(), db, chosen)
	}
	return errors.Join(err, db.Close())
}

// rebuilt is the window to rebuild.
func (o *options) rebuilt(now time.Time) (query.Window, error) {
	switch {
	case o.mend && (o.rebuild || len(o.only) > 0):
		return query.Window{}, errors.New("--mend goes without --rebuild and --rollup")
	case !o.rebuild && (o.window.From != "" || o.window.To != "" || o.shrink):
		return query.Window{}, errors.New("--from, --to and --shrink go with --rebuild")
	case !o.rebuild:
		return query.Window{}, nil
	case o.window.From == "":
		return query.Window{}, errors.New("--from: want the first time to rebuild")
	}
	return o.window.Window(now)
}

// chosen lists the rollups that --rollup names, or all, each after the one that it sums up.
func (o *options) chosen() ([]*schema.Rollup, error) {
	wanted, names := map[string]bool{}, []string{}
	for _, name := range o.only {
		wanted[name] = true
	}
	var out []*schema.Rollup
	for _, r := range schema.Rollups() {
		names = append(names, r.Name)
		if len(o.only) == 0 || wanted[r.Name] {
			out = append(out, r)
		}
		delete(wanted, r.Name)
	}
	for name := range wanted {
		return nil, fmt.Errorf("--rollup: no rollup %q: one of %s", name, strings.Join(names, ", "))
	}
	return out, nil
}

func rebuild(ctx context.Context, out io.Writer, db *clickhouse.DB, chosen []*schema.Rollup, w query.Window, shrink bool) error {
	for _, r := range chosen {
		begun, told := time.Now(), time.Time{}
		err := db.Rebuild(ctx, r, w.From, w.To, shrink, func(units, of int) {
			if units == of || time.Since(told) > time.Second {
				told = time.Now()
				_, _ = fmt.Fprintf(out, "%s: %d of %d × %s, %s\n", r.Name, units, of, text.Duration(r.Length()), time.Since(begun).Round(time.Second))
			}
		})
		if err != nil {
			return err
		}
		if told.IsZero() {
			_, _ = fmt.Fprintf(out, "%s: no rows in the window\n", r.Name)
		}
	}
	return nil
}

func mend(ctx context.Context, out io.Writer, db *clickhouse.DB) error {
	found := 0
	err := db.Mend(ctx, func(b clickhouse.Broken) {
		found++
		_, _ = fmt.Fprintf(out, "%s: %s: %s\n", b.Table, b.Part, text.Line(b.Why, maxError))
	})
	switch {
	case err != nil:
		return err
	case found == 0:
		_, err = fmt.Fprintln(out, "no part is broken")
	default:
		_, err = fmt.Fprintln(out, "What they held is computed anew in the background: tcpledger rollups shows how much waits.")
	}
	return err
}

func show(ctx context.Context, out io.Writer, db *clickhouse.DB, chosen []*schema.Rollup) error {
	states, err := db.Refreshes(ctx)
	if err != nil {
		return err
	}
	t := text.NewTable(0, []string{"ROLLUP", "EVERY", "LAST REFRESH", "WAITING", "LAG", "ERROR"}, 1, 2, 6)
	for _, r := range chosen {
		state, ok := states[r.Name]
		if !ok {
			t.Row(r.Name, strings.ToLower(r.Every), "never", "?", "?", "its view is missing: tcpledger migrate --apply")
			continue
		}
		last := "never"
		if state.Succeeded != nil {
			last = time.Since(*state.Succeeded).Round(time.Second).String() + " ago"
		}
		t.Row(r.Name, strings.ToLower(r.Every), last, state.Waiting, state.Lag.String(), text.Line(state.Exception, maxError))
	}
	_, err = fmt.Fprintln(out, t.String())
	return err
}

// maxError bounds an error in the table.
const maxError = 120
