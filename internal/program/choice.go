// SPDX-License-Identifier: Apache-2.0

package program

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const completionsAnnotation = "tcpledger_completions"

// choice is a flag that takes one of a few words.
type choice struct {
	value   string
	allowed []string
}

// Choice declares a flag that takes one of the allowed words; value is the default. The result is read after Load.
func Choice(flags *pflag.FlagSet, name, value, usage string, allowed ...string) *string {
	c := &choice{value: value, allowed: allowed}
	flags.Var(c, name, usage)
	Completions(flags, name, allowed)
	return &c.value
}

// Completions makes shells offer these words for the flag called name, declared in flags before.
func Completions[W any](flags *pflag.FlagSet, name string, words []W) {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = fmt.Sprint(w)
	}
	annotate(flags.Lookup(name), completionsAnnotation, strings.Join(texts, " "))
}

// registerCompletions gives the words of Completions to cobra, for every command of the tree.
func registerCompletions(root *cobra.Command) error {
	var failed error
	complete := func(cmd *cobra.Command) func(*pflag.Flag) {
		return func(f *pflag.Flag) {
			if words := strings.Fields(annotation(f, completionsAnnotation)); len(words) > 0 {
				failed = errors.Join(failed, cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)))
			}
		}
	}
	root.LocalFlags().VisitAll(complete(root))
	for _, child := range root.Commands() {
		failed = errors.Join(failed, registerCompletions(child))
	}
	return failed
}

// String is the value.
func (c *choice) String() string { return c.value }

// Type is "string": for the configuration a choice is one.
func (c *choice) Type() string { return "string" }

// Set takes one of the values; the error lists them.
func (c *choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return fmt.Errorf("must be one of %s", strings.Join(c.allowed, ", "))
	}
	c.value = s
	return nil
}
