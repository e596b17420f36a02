// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/peterh/liner"
	"github.com/spf13/cobra"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/text"
	"tcpledger/query"
)

const (
	promptFirst = "tcpledger> "
	promptMore  = "       ... "
)

const help = `A statement ends with ; (or with \G for an answer with a line for each column) and may have several lines.
  TAB        complete: tables, views and their parameters, columns, functions
  Up, Ctrl-R earlier statements       Ctrl-C  drop the line, or end the running statement
  SHOW TABLES; DESCRIBE connections;  what there is         SET param_port = 443;  for {port:UInt16}
  \format csv                         table, vertical, csv, json, tsv or auto
  \q, Ctrl-D                          leave
`

// prompt is a session at a terminal.
type prompt struct {
	*session
	line    *liner.State
	history history
	keep    bool   // statements go into the file
	begun   string // the lines of a statement that has not ended
	names   *completer
}

// prompt reads statements from the terminal until Ctrl-D. A failed statement does not end it. SIGTERM and SIGHUP do; SIGINT ends the
// running statement.
func (o *options) prompt(cmd *cobra.Command, s *session) error {
	ctx, stop := signal.NotifyContext(context.WithoutCancel(cmd.Context()), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	p := &prompt{session: s, keep: o.history, names: &completer{database: o.clickhouse.Database}}
	err := o.learn(ctx, p.names)
	if err != nil && clickhouse.Code(err) == 0 {
		return err // no server answers
	}
	p.line = liner.NewLiner()
	defer func() { _ = p.line.Close() }() // puts the terminal back as it was
	p.line.SetCtrlCAborts(true)
	p.line.SetMultiLineMode(true)
	p.line.SetTabCompletionStyle(liner.TabPrints)
	p.line.SetWordCompleter(p.complete)
	if err != nil {
		p.say("no completion: " + err.Error())
	}
	if err := p.remember(); err != nil {
		p.say("no history: " + err.Error())
	}
	_, _ = fmt.Fprintf(s.out, "Statements only read here. \\? for help, Ctrl-D to leave.\n")
	for {
		text, err := p.read(ctx)
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			p.begun = ""
			continue
		case errors.Is(err, io.EOF):
			_, _ = fmt.Fprintln(s.out)
			return nil
		case err != nil:
			return err
		}
		if p.command(text) {
			continue
		}
		if strings.TrimSpace(text) == `\q` {
			return nil
		}
		p.take(ctx, text)
	}
}

// learn asks for the names to complete, and so whether a server answers.
func (o *options) learn(ctx context.Context, c *completer) error {
	db, err := o.clickhouse.Open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // only read
	c.names, err = query.New(db, o.clickhouse.Database, 10*time.Second).Names(ctx)
	return err
}

// remember takes the statements of earlier prompts.
func (p *prompt) remember() (err error) {
	if !p.keep {
		return nil
	}
	p.keep = false
	if p.history, err = historyFile(); err != nil {
		return err
	}
	lines, err := p.history.read()
	if err != nil {
		return err
	}
	for _, line := range lines {
		p.line.AppendHistory(line)
	}
	p.keep = true
	return nil
}

// complete offers names for the word before the cursor; pos is in characters.
func (p *prompt) complete(line string, pos int) (head string, words []string, tail string) {
	characters := []rune(line)
	tail = string(characters[pos:])
	head, words = p.names.offer(p.begun+string(characters[:pos]), tail)
	return strings.TrimPrefix(head, p.begun), words, tail
}

// read reads a line. A signal that ends the prompt is the end of the input.
func (p *prompt) read(ctx context.Context) (string, error) {
	show := promptFirst
	if p.begun != "" {
		show = promptMore
	}
	type input struct {
		text string
		err  error
	}
	typed := make(chan input, 1)
	go func() { // ends with the process if a signal comes first
		text, err := p.line.Prompt(show)
		typed <- input{text, err}
	}()
	select {
	case in := <-typed:
		return in.text, in.err
	case <-ctx.Done():
		return "", io.EOF
	}
}

// take adds a line to the statement and runs what has ended.
func (p *prompt) take(ctx context.Context, line string) {
	all := p.begun + line + "\n"
	statements, rest := split(all)
	p.begun = rest
	if len(statements) == 0 {
		return
	}
	p.note(oneLine(strings.TrimSuffix(all, rest)))
	for _, one := range statements {
		if err := p.interruptible(ctx, one); err != nil {
			p.say(err.Error())
			return
		}
	}
}

// note puts a line into the history.
func (p *prompt) note(line string) {
	p.line.AppendHistory(line)
	if !p.keep {
		return
	}
	if err := p.history.add(line); err != nil {
		p.keep = false
		p.say("no history: " + err.Error())
	}
}

// interruptible runs a statement that Ctrl-C ends, and says how long it took.
func (p *prompt) interruptible(ctx context.Context, one statement) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	begin := time.Now()
	if err := p.run(ctx, one); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(p.out, "%s, times are %s\n", text.Duration(time.Since(begin)), p.zone)
	return nil
}

// say shows an error.
func (p *prompt) say(message string) {
	_, _ = fmt.Fprintf(p.out, "error: %s\n", text.Line(message, maxSaid))
}

// command does what a line with a backslash says; false if it is none of these.
func (p *prompt) command(line string) bool {
	words := strings.Fields(line)
	switch {
	case p.begun != "" || len(words) == 0 || !strings.HasPrefix(words[0], `\`) || words[0] == `\q`:
		return false
	case words[0] == `\?`:
		_, _ = io.WriteString(p.out, help)
	case words[0] == `\format` && len(words) == 2 && known(words[1]):
		p.format = words[1]
	case words[0] == `\format`:
		p.say("\\format: want one of auto, " + strings.Join(formatNames(), ", "))
	default:
		p.say("no " + words[0] + `: \? for help`)
	}
	return true
}
