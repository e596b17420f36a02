// SPDX-License-Identifier: Apache-2.0

// Package storms is `tcpledger storms`: what departed from its own past in a window, and what it was made of.
package storms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tcpledger/cmd/tcpledger/window"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/query"
	"tcpledger/query/when"
)

const (
	// maxTime bounds the question.
	maxTime = time.Minute
	day     = 24 * time.Hour
)

type options struct {
	clickhouse clickhouse.Flags
	window     window.Flags
	find       bool
	format     *string
}

// Command makes the command.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "storms",
		Short: "List what departed from its own past, and what it was made of",
		Long: `Lists the storms of a window, the largest first: what departed from its own past, from when to when, how many against how many
expected, and what it is made of. ClickHouse finds them while they happen and keeps them.

With --find it looks for storms in the rollups of the window first, as ClickHouse would have then: for a time before storms were found,
or one in which ClickHouse was away. It needs the rollups of the hour before.

` + window.Help,
		Example: `  tcpledger storms --from -1d
  tcpledger storms --from 2026-03-01 --to 2026-04-01 --format json
  tcpledger storms --find --from -28d`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, time.Now()) },
	}
	flags := cmd.Flags()
	o.window.Register(flags)
	flags.Lookup("from").Usage = "first `time` of the window (default a day before --to)"
	flags.BoolVar(&o.find, "find", false, "look for storms in the window's rollups first")
	o.format = program.Choice(flags, "format", "text", "`format` of the answer: text or json", "text", "json")
	o.clickhouse.Register(flags)
	return cmd
}

func (o *options) run(cmd *cobra.Command, now time.Time) error {
	w, err := o.window.Window(now)
	if err != nil {
		return program.UsageError(err)
	}
	if o.window.From == "" {
		w.From = w.To.Add(-day)
	}
	db, err := o.clickhouse.Open()
	if err != nil {
		return err
	}
	if o.find {
		err = find(cmd.Context(), cmd.ErrOrStderr(), db, w)
	}
	var found []query.Storm
	if err == nil {
		found, err = query.New(db, db.Name, maxTime).Storms(cmd.Context(), w)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	return o.write(cmd.OutOrStdout(), w, found, o.window.Location())
}

// find says how far it is each minute or so.
func find(ctx context.Context, out io.Writer, db *clickhouse.DB, w query.Window) error {
	told := time.Now()
	return db.FindStorms(ctx, w.From, w.To, func(at time.Time) {
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			_, _ = fmt.Fprintf(out, "looked up to %s\n", when.Show(at))
		}
	})
}

func (o *options) write(out io.Writer, w query.Window, found []query.Storm, zone *time.Location) error {
	if *o.format == "json" {
		if found == nil {
			found = []query.Storm{}
		}
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			From   time.Time     `json:"from"`
			To     time.Time     `json:"to"`
			Storms []query.Storm `json:"storms"`
		}{w.From.UTC(), w.To.UTC(), found})
	}
	_, err := io.WriteString(out, Text(w, found, zone))
	return err
}
