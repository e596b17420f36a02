// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/internal/text"
	"tcpledger/schema"
)

// session runs statements and writes their answers.
type session struct {
	server   *clickhouse.HTTP
	out      io.Writer
	terminal bool // out is one
	format   string
	zone     string // in which times are shown
	settings url.Values
}

// readOnly are the settings of every statement, whatever the user's profile has: nothing is written, each record counts once, times are
// UTC, and no statement reads more rows or takes longer than that.
func readOnly(database string, rows uint64, longest time.Duration) url.Values {
	out := url.Values{}
	for _, s := range schema.FinalSettings() {
		out.Set(s.Name, strconv.Itoa(s.Value))
	}
	out.Set("database", database)
	out.Set("readonly", "2")
	out.Set("session_timezone", "UTC")
	out.Set("cancel_http_readonly_queries_on_client_close", "1")
	out.Set("max_rows_to_read", strconv.FormatUint(rows, 10))
	out.Set("max_execution_time", strconv.Itoa(int(longest/time.Second)))
	return out
}

// all runs the statements of a text and stops at the first that fails. The last may lack its semicolon.
func (s *session) all(ctx context.Context, text string) error {
	statements, rest := split(text)
	if rest != "" {
		statements = append(statements, statement{sql: rest})
	}
	if len(statements) == 0 {
		return program.UsageError(errors.New("no statement to run"))
	}
	for _, one := range statements {
		if err := s.run(ctx, one); err != nil {
			return err
		}
	}
	if s.terminal {
		_, _ = fmt.Fprintf(s.out, "Times are %s.\n", s.zone)
	}
	return nil
}

// exitCancelled is what a shell makes of Ctrl-C.
const exitCancelled = 130

var errCancelled = program.ExitError(exitCancelled, errors.New("cancelled"))

// run runs one statement. Its error is one line.
func (s *session) run(ctx context.Context, one statement) error {
	err := s.answer(ctx, one)
	switch {
	case ctx.Err() != nil:
		return errCancelled
	case err != nil:
		return s.said(err)
	}
	return nil
}

func (s *session) answer(ctx context.Context, one statement) error {
	kind, err := s.kindOf(ctx, one.sql)
	if err != nil {
		return err
	}
	if kind == kindSet {
		return s.set(ctx, one.sql)
	}
	sql := one.sql
	if kind == kindSelect {
		if sql, err = s.zoned(ctx, sql); err != nil {
			return err
		}
	}
	settings := maps.Clone(s.settings)
	word := s.format
	if one.vertical {
		word = formatVertical
	}
	formatted(settings, word, s.terminal, columns(s.out))
	rows, err := s.server.Ask(ctx, sql, settings)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // read to its end, or given up
	return s.copy(rows)
}

// copy writes an answer as it comes.
func (s *session) copy(rows io.Reader) error {
	if !s.terminal {
		_, err := io.Copy(s.out, rows)
		return err
	}
	escaped := text.NewTerminal(s.out)
	_, err := io.Copy(escaped, rows)
	return errors.Join(err, escaped.Flush())
}

// columns is the width of the terminal that out is, 0 for anything else.
func columns(out io.Writer) int {
	file, ok := out.(*os.File)
	if !ok {
		return 0
	}
	wide, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return wide
}

// parameter writes the value of a {name:Type}: the server reads it as a field of a TSV file.
func parameter(value string) string {
	return strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`).Replace(value)
}
