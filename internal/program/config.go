// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	sourceAnnotation = "tcpledger_source"
	secretAnnotation = "tcpledger_secret"

	sourceFlag    = "flag"
	sourceDefault = "default"
)

// Load gives every flag of cmd that the command line did not set the value of the environment, else of the configuration
// file, else leaves its default. Command runs it before every command; call it only for a tree made otherwise.
//
// Environment: flag --batch-age is TCPLEDGER_BATCH_AGE; a repeatable flag takes its values separated by commas; an empty
// variable counts as not set. One environment may serve all the programs: a variable that only another program knows is
// ignored, a variable that no program knows is an error.
//
// File: --config or TCPLEDGER_CONFIG names a YAML mapping of flag names; a repeatable flag takes a list. A key that only
// another command of the same program knows is ignored; a key that the program does not know is an error.
//
// Every error names its source (flag, variable, file and line) and, for an unknown name, the nearest known one. A name of a
// released version works on, with a line on stderr that gives today's (renamed). Values of flags marked secret are never
// shown.
//
// koanf was weighed for the file and the merge of the sources (v2.4.1 with its YAML parser, tried): it replaces some 60 of the
// loader's 510 lines. Unknown keys, suggestions, sources, old names and masks stay ours, and its values are typed by YAML:
// host-id: 0123 becomes "83", 2026-11-23 becomes "2026-11-23 00:00:00 +0000 UTC", a key without a value becomes "", and errors
// lose their line. So the loader stays.
func Load(cmd *cobra.Command) error {
	flags := cmd.Flags()
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed && source(f) == sourceDefault {
			setSource(f, sourceFlag)
		}
	})
	environment, err := readEnvironment(cmd.Root())
	if err != nil {
		return usageError{err}
	}
	if err := environment.apply(flags.Lookup(flagConfig)); err != nil {
		return usageError{err}
	}
	file, err := readFile(flags.Lookup(flagConfig).Value.String(), cmd.Root())
	if err != nil {
		return usageError{err}
	}
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		if failed != nil || !configurable(f) {
			return
		}
		if failed = environment.apply(f); failed == nil {
			failed = file.apply(f)
		}
	})
	if failed != nil {
		return usageError{failed}
	}
	for _, old := range slices.Concat(usedOldNames(flags), environment.old(), file.old()) {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", cmd.Root().Name(), old) // nothing is to fail for it
	}
	return nil
}

// MarkSecret keeps the value of the flag called name, declared in flags before, out of --dump and of error messages.
func MarkSecret(flags *pflag.FlagSet, name string) {
	annotate(flags.Lookup(name), secretAnnotation, "true")
}

// setting is one value from the environment or the file, and its place there.
type setting struct {
	values []string
	source string // "environment TCPLEDGER_X" or "FILE:LINE"
	old    string // the old name that it stands under there, "" for today's
}

// settings holds what one source says, by flag name.
type settings map[string]setting

// apply sets f from this source, unless something before it did.
func (s settings) apply(f *pflag.Flag) error {
	from, ok := s[f.Name]
	if !ok || f.Changed {
		return nil
	}
	if err := set(f, from.values); err != nil {
		shown := strings.Join(from.values, ",")
		if isSecret(f) {
			return fmt.Errorf("%s: invalid value for --%s", from.source, f.Name)
		}
		return fmt.Errorf("%s: invalid value %q for --%s: %w", from.source, shown, f.Name, err)
	}
	f.Changed = true
	setSource(f, from.source)
	return nil
}

// old says of each setting with an old name what it is called now.
func (s settings) old() []string {
	var lines []string
	for name, from := range s {
		if from.old != "" {
			lines = append(lines, fmt.Sprintf("%s: %s is called %s now", from.source, from.old, name))
		}
	}
	slices.Sort(lines)
	return lines
}

// set gives f its values: one for a plain flag, any number for a repeatable one. Commas separate the values of that too.
func set(f *pflag.Flag, values []string) error {
	list, repeatable := f.Value.(pflag.SliceValue)
	if !repeatable {
		if len(values) != 1 {
			return fmt.Errorf("takes one value, not a list")
		}
		return f.Value.Set(values[0])
	}
	all := make([]string, 0, len(values))
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				all = append(all, part)
			}
		}
	}
	return list.Replace(all)
}

// configurable reports whether the environment, the file and --dump know the flag. The others are for one run only.
func configurable(f *pflag.Flag) bool {
	switch f.Name {
	case flagConfig, flagCheck, flagDump, "help", "version":
		return false
	}
	return true
}

// treeFlags lists the configurable flags of every command of a program.
func treeFlags(root *cobra.Command) map[string]bool {
	names := map[string]bool{}
	add := func(f *pflag.Flag) {
		if configurable(f) {
			names[f.Name] = true
		}
	}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		c.LocalFlags().VisitAll(add)
		if c.Name() == "completion" && c.HasParent() {
			return
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(root)
	return names
}

func isSecret(f *pflag.Flag) bool { return annotation(f, secretAnnotation) != "" }

// source names the source of the value of f.
func source(f *pflag.Flag) string { return cmp.Or(annotation(f, sourceAnnotation), sourceDefault) }

func setSource(f *pflag.Flag, s string) { annotate(f, sourceAnnotation, s) }
