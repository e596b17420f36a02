// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/internal/text"
	"tcpledger/schema"
)

func migrateCommand() *cobra.Command {
	var flags clickhouse.Flags
	var apply, sql bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Show the steps that make the tables, and apply them",
		Long: `Shows the steps that bring ClickHouse's tables to this version and which of them are applied. With --apply it applies the
others; each may be applied again, so that one that was cut short does no harm. Ingesters apply them at their start too.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if sql && apply {
				return program.UsageError(errors.New("--sql only prints: give it without --apply"))
			}
			if sql {
				return printSQL(cmd.OutOrStdout(), flags.Database)
			}
			return runMigrate(cmd.Context(), cmd.OutOrStdout(), &flags, apply)
		},
	}
	cmd.Flags().BoolVar(&apply, "apply", false, "apply the pending steps")
	cmd.Flags().BoolVar(&sql, "sql", false, "print the statements of all steps and end")
	flags.Register(cmd.Flags())
	return cmd
}

func printSQL(out io.Writer, database string) error {
	for _, m := range schema.Migrations(database) {
		if _, err := fmt.Fprintf(out, "-- step %d: %s\n%s;\n\n", m.Step, m.Name, strings.Join(m.Statements, ";\n\n")); err != nil {
			return err
		}
	}
	return nil
}

func runMigrate(ctx context.Context, out io.Writer, flags *clickhouse.Flags, apply bool) (err error) {
	db, err := flags.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	pending, err := db.Pending(ctx)
	if err != nil {
		return err
	}
	if apply && len(pending) > 0 {
		err := db.Migrate(ctx, func(m schema.Migration) { _, _ = fmt.Fprintf(out, "applied step %d: %s\n", m.Step, m.Name) })
		if err != nil {
			return err
		}
		if pending, err = db.Pending(ctx); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(out)
	}
	return showSteps(out, flags.Database, pending)
}

func showSteps(out io.Writer, database string, pending []schema.Migration) error {
	t := text.NewTable(0, []string{"STEP", "NAME", "STATEMENTS", "STATE"}, 2, 4)
	for _, m := range schema.Migrations(database) {
		state := "applied"
		if slices.ContainsFunc(pending, func(p schema.Migration) bool { return p.Step == m.Step }) {
			state = "pending"
		}
		t.Row(m.Step, m.Name, len(m.Statements), state)
	}
	last := "The tables are up to date."
	if len(pending) > 0 {
		last = fmt.Sprintf("%d pending: tcpledger migrate --apply", len(pending))
	}
	_, err := fmt.Fprintf(out, "%s\n\n%s\n", t.String(), last)
	return err
}
