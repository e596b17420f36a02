// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

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
		Long: `Shows the steps and views that bring ClickHouse's tables to this version and which of them are applied. With --apply it
applies the others. A step that was cut short is applied again, which does no harm. Then it checks the tables and names what
is missing or different. Ingesters do the same at their start. A database of a newer version is left alone.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if sql && apply {
				return program.UsageError(errors.New("--sql only prints: give it without --apply"))
			}
			if sql {
				return printSQL(cmd.OutOrStdout(), schema.Target{Database: flags.Database})
			}
			return runMigrate(cmd.Context(), cmd.OutOrStdout(), program.NewOutage(program.Logger(cmd), "clickhouse"), &flags, apply)
		},
	}
	cmd.Flags().BoolVar(&apply, "apply", false, "apply the pending steps")
	cmd.Flags().BoolVar(&sql, "sql", false, "print the statements of all steps and end")
	flags.Register(cmd.Flags())
	return cmd
}

func printSQL(out io.Writer, target schema.Target) error {
	steps, err := schema.Migrations(target)
	if err != nil {
		return err
	}
	for _, m := range steps {
		_, _ = fmt.Fprintf(out, "-- step %d: %s\n", m.Step, m.Name)
		for _, s := range m.Statements {
			_, _ = fmt.Fprintf(out, "%s\n", s.Text())
		}
	}
	views, err := schema.Views(target)
	for _, v := range views {
		_, _ = fmt.Fprintf(out, "-- view %s\n%s;\n\n", v.Name, v.SQL)
	}
	return err
}

func runMigrate(ctx context.Context, out io.Writer, outage *program.Outage, flags *clickhouse.Flags, apply bool) (err error) {
	db, err := flags.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.Watch(ctx, outage, func(ctx context.Context) error {
		if apply {
			if err := applySteps(ctx, out, db); err != nil {
				return err
			}
		}
		pending, err := db.Pending(ctx)
		if err != nil {
			return err
		}
		if err := showSteps(out, flags.Database, pending); err != nil || len(pending.Steps) > 0 {
			return err
		}
		return db.Verify(ctx)
	})
}

func applySteps(ctx context.Context, out io.Writer, db *clickhouse.DB) error {
	applied := false
	err := db.Migrate(ctx, func(what string) {
		applied = true
		_, _ = fmt.Fprintf(out, "applied %s\n", what)
	})
	if err == nil && applied {
		_, err = fmt.Fprintln(out)
	}
	return err
}

func showSteps(out io.Writer, database string, pending clickhouse.Pending) error {
	t := text.NewTable(0, []string{"STEP", "NAME", "STATEMENTS", "STATE"}, 2, 4)
	steps, err := schema.Migrations(schema.Target{Database: database})
	if err != nil {
		return err
	}
	for _, m := range steps {
		t.Row(m.Step, m.Name, len(m.Statements), state(pending.Steps, func(p schema.Migration) bool { return p.Step == m.Step }))
	}
	views, err := schema.Views(schema.Target{Database: database})
	if err != nil {
		return err
	}
	for _, v := range views {
		t.Row("view", v.Name, 1, state(pending.Views, func(p schema.View) bool { return p.Name == v.Name }))
	}
	last := "The tables are up to date."
	if n := len(pending.Steps) + len(pending.Views); n > 0 {
		last = fmt.Sprintf("%d pending: tcpledger migrate --apply", n)
	}
	_, err = fmt.Fprintf(out, "%s\n\n%s\n", t.String(), last)
	return err
}

func state[T any](pending []T, is func(T) bool) string {
	if slices.ContainsFunc(pending, is) {
		return "pending"
	}
	return "applied"
}
