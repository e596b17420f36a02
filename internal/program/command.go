// SPDX-License-Identifier: Apache-2.0

package program

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	flagConfig    = "config"
	flagCheck     = "check"
	flagDump      = "dump"
	flagLogLevel  = "log-level"
	flagLogFormat = "log-format"

	settingsName = "settings"
)

// checkedAnnotation marks the commands that build their parts under --check.
const checkedAnnotation = "tcpledger_checked"

// errDone ends a command early and well, after --dump or --check.
var errDone = errors.New("done")

// usageError is an error of the command line or the configuration: the same start will fail again.
type usageError struct{ error }

// Unwrap is what is wrong with the command line.
func (e usageError) Unwrap() error { return e.error }

// UsageError marks err as one of the command line or the configuration, for a RunE that finds it late: Main returns 2
// for it. UsageError of nil is nil.
func UsageError(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// Command makes a program's root command with what all three share: --config, --check, --dump, --log-level, --log-format,
// --version, the version command and cobra's completion command. Before any command of the tree runs, its configuration is
// loaded (Load); --dump then prints it and ends. A command must not set PersistentPreRunE, which would replace this.
//
// The caller sets RunE (a program that is one command) or adds sub-commands, and declares flags on them.
func Command(use, short, long string) *cobra.Command {
	root := &cobra.Command{
		Use:               use,
		Short:             short,
		Long:              long,
		Version:           Version,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: prepare,
	}
	flags := root.PersistentFlags()
	flags.String(flagConfig, "", "YAML `file` with settings: keys are flag names, without the dashes in front")
	flags.Bool(flagCheck, false, "check the configuration, build everything, start nothing and exit")
	flags.Bool(flagDump, false, "print the effective configuration as YAML, secrets masked, and exit")
	Choice(flags, flagLogLevel, "info", "least `level` of the logs: debug, info, warn or error", "debug", "info", "warn", "error")
	Choice(flags, flagLogFormat, "text", "`format` of the logs on stderr: text or json", "text", "json")
	root.SetFlagErrorFunc(flagError)
	root.SetGlobalNormalizationFunc(normalize)
	root.AddCommand(versionCommand(), settingsCommand())
	return root
}

// Checked marks cmd as one that honours --check: its RunE is run, asks Check, builds everything and returns without
// starting. For any other command --check ends after the configuration was loaded, so that it never does the real thing.
func Checked(cmd *cobra.Command) {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[checkedAnnotation] = "true"
}

// Check says whether --check was given: the command shall build everything, start nothing and return nil or what failed.
func Check(cmd *cobra.Command) bool {
	f := cmd.Flags().Lookup(flagCheck)
	return f != nil && f.Value.String() == "true"
}

// prepare runs before every command of the tree: configuration first, then --dump and --check.
func prepare(cmd *cobra.Command, _ []string) error {
	if isHelper(cmd) {
		return nil
	}
	if err := Load(cmd); err != nil {
		return err
	}
	if cmd.Flags().Lookup(flagDump).Value.String() == "true" {
		if err := Dump(cmd.OutOrStdout(), cmd); err != nil {
			return err
		}
		return errDone
	}
	if Check(cmd) && cmd.Annotations[checkedAnnotation] == "" {
		return errDone
	}
	if s, ok := cmd.Context().Value(progressKey{}).(*progress); ok {
		s.started = true
	}
	return nil
}

// isHelper reports whether a command has no configuration. Such a command works whatever the environment holds.
func isHelper(cmd *cobra.Command) bool {
	for c := cmd; c.HasParent(); c = c.Parent() {
		switch c.Name() {
		case "version", settingsName, "help", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
			return true
		}
	}
	return false
}

// flagError names the nearest flag beside an unknown one.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		return usageError{fmt.Errorf("%w%s", err, suggestion(unknown.GetSpecifiedName(), flagNames(cmd), "--"))}
	}
	return usageError{err}
}

// flagNames lists the flags that cmd takes.
func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}
