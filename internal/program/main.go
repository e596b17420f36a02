// SPDX-License-Identifier: Apache-2.0

package program

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// What Main returns, for os.Exit.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

type progressKey struct{}

// progress records whether Main reached the command itself. An error before that is one of usage.
type progress struct{ started bool }

// exitError is an error with an exit code of its own.
type exitError struct {
	error
	code int
}

// Unwrap is the error that the exit code is for.
func (e exitError) Unwrap() error { return e.error }

// ExitError gives err the exit code that Main returns for it: a command whose help says what its codes mean. ExitError of nil is nil.
func ExitError(code int, err error) error {
	if err == nil {
		return nil
	}
	return exitError{err, code}
}

// Main runs the command tree to its end and returns the exit code: 0, 1 for a failure, 2 for a command line or a
// configuration that cannot work (a restart will not help), or the code of an ExitError. It prints the error, if any, as one line on stderr.
//
// The commands' context ends with the first SIGINT or SIGTERM; a second one kills the process. A command that then
// returns context.Canceled has ended well.
func Main(root *cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	var reached progress
	err := registerCompletions(root)
	if err == nil {
		err = root.ExecuteContext(context.WithValue(ctx, progressKey{}, &reached))
	}
	if err == nil || errors.Is(err, errDone) || (ctx.Err() != nil && errors.Is(err, context.Canceled)) {
		return exitOK
	}
	_, _ = fmt.Fprintf(root.ErrOrStderr(), "%s: %s\n", root.Name(), oneLine(err.Error()))
	if errors.As(err, new(usageError)) || !reached.started {
		return exitUsage
	}
	var own exitError
	if errors.As(err, &own) {
		return own.code
	}
	return exitFailed
}

// oneLine joins the lines of a message: cobra's suggestions and joined errors have several.
func oneLine(s string) string {
	if before, commands, ok := strings.Cut(s, "\n\nDid you mean this?\n"); ok {
		s = fmt.Sprintf("%s (did you mean %s?)", before, strings.Join(strings.Fields(commands), " or "))
	}
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}
