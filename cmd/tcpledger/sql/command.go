// SPDX-License-Identifier: Apache-2.0

// Package sql is `tcpledger sql`: statements that only read, one after another or at a prompt. ClickHouse writes the answers.
package sql

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/internal/text"
)

const (
	defaultRows = 200_000_000
	defaultTime = time.Minute
	maxTime     = 24 * time.Hour
)

type options struct {
	clickhouse clickhouse.Flags
	http       string
	file       string
	format     *string
	params     []string // name=value
	rows       uint64
	longest    time.Duration
	history    bool
	zone       text.Zone
}

// Command makes the command.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "sql [STATEMENT]",
		Short: "Ask in SQL: one statement, a file of them, or a prompt",
		Long: `Runs a statement and writes its answer. Without one it reads statements from --file, or from standard input; on a terminal it opens
a prompt with completion and history, in which a statement ends with a semicolon, or with \G for an answer with a line for each column.

Only statements that read are run. A statement that would read too many rows or take too long is refused with a message that says how
to narrow it. Characters that a terminal would act on are escaped on a terminal; files and pipes get every byte as it is.

Times are UTC, also those in a statement. With --tz they are shown in another zone; those in a statement stay UTC.

Ctrl-C ends the running statement (exit code 130; the prompt stays), Ctrl-D the prompt.`,
		Example: `  tcpledger sql
  tcpledger sql "DESCRIBE connections"
  tcpledger sql --tz Europe/Berlin --file month.sql
  tcpledger sql --file month.sql --format csv > month.csv
  tcpledger sql --param port=443 < busy.sql`,
		Args: cobra.MaximumNArgs(1),
		RunE: o.run,
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.file, "file", "f", "", "run the statements in this `file`")
	o.format = program.Choice(flags, "format", formatAuto, "`format` of answers: table, vertical, csv, json (a line for each row) or tsv; auto is table on a terminal, else tsv",
		append([]string{formatAuto}, formatNames()...)...)
	flags.StringArrayVar(&o.params, "param", nil, "`name=value` of a parameter {name:Type}; may be given again")
	flags.Uint64Var(&o.rows, "max-rows-read", defaultRows, "refuse a statement that would read more `rows`; 0 refuses none")
	flags.DurationVar(&o.longest, "timeout", defaultTime, "give a statement up after this `time`")
	program.Bounds(flags, "timeout", &o.longest, time.Second, maxTime)
	flags.BoolVar(&o.history, "history", true, "keep the prompt's statements in a file, readable by its user only")
	flags.Var(&o.zone, "tz", "`zone` in which times are shown: a name like Europe/Berlin, UTC, or local; those in a statement are UTC")
	flags.StringVar(&o.http, "clickhouse-http", "", "ClickHouse's HTTP interface, `host:port` (default the host of --clickhouse, port 8123, or 8443 with TLS)")
	o.clickhouse.Register(flags)
	return cmd
}

func (o *options) run(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && o.file != "" {
		return program.UsageError(errors.New("--file: give it without a statement"))
	}
	s, err := o.session(cmd.OutOrStdout())
	if err != nil {
		return err
	}
	switch {
	case len(args) > 0:
		return s.all(cmd.Context(), args[0])
	case o.file == "" && isTerminal(cmd.InOrStdin()) && isTerminal(cmd.OutOrStdout()):
		return o.prompt(cmd, s)
	}
	text, err := o.read(cmd.InOrStdin())
	if err != nil {
		return err
	}
	return s.all(cmd.Context(), text)
}

// maxText bounds what is read of a file, in bytes.
const maxText = 1 << 20

// read reads the statements of --file, or of standard input.
func (o *options) read(in io.Reader) (string, error) {
	if o.file != "" && o.file != "-" {
		file, err := os.Open(o.file)
		if err != nil {
			return "", program.UsageError(fmt.Errorf("--file: %w", err))
		}
		defer func() { _ = file.Close() }() // only read
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxText+1))
	if err == nil && len(text) > maxText {
		err = fmt.Errorf("the statements have more than %d bytes", maxText)
	}
	return string(text), err
}

// session makes what runs statements and writes their answers to out.
func (o *options) session(out io.Writer) (*session, error) {
	server, err := o.clickhouse.HTTP(o.http, o.longest)
	if err != nil {
		return nil, err
	}
	zone, err := zoneName(&o.zone)
	if err != nil {
		return nil, err
	}
	s := &session{server: server, out: out, format: *o.format, terminal: isTerminal(out), zone: zone, settings: readOnly(o.clickhouse.Database, o.rows, o.longest)}
	for _, p := range o.params {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, program.UsageError(fmt.Errorf("--param %s: want name=value", p))
		}
		s.settings.Set("param_"+name, parameter(value))
	}
	return s, nil
}

// isTerminal reports whether a stream is a person's terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
