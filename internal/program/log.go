// SPDX-License-Identifier: Apache-2.0

package program

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"
)

// Logger is the program's logger on stderr as --log-level and --log-format say. Call it once, after Load, and hand it on.
func Logger(cmd *cobra.Command) *slog.Logger {
	level, format := cmd.Flags().Lookup(flagLogLevel), cmd.Flags().Lookup(flagLogFormat)
	return newLogger(cmd.ErrOrStderr(), level.Value.String(), format.Value.String())
}

func newLogger(w io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
