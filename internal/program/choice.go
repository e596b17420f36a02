// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value   string
	allowed []string
}

func newChoice(value string, allowed ...string) *choice {
	return &choice{value: value, allowed: allowed}
}

// Choice declares a flag that takes one of the allowed words; value is the default. The result is read after Load.
func Choice(flags *pflag.FlagSet, name, value, usage string, allowed ...string) *string {
	c := newChoice(value, allowed...)
	flags.Var(c, name, usage)
	return &c.value
}

func (c *choice) String() string { return c.value }

// Type is "string": for the configuration a choice is one.
func (c *choice) Type() string { return "string" }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return fmt.Errorf("must be one of %s", strings.Join(c.allowed, ", "))
	}
	c.value = s
	return nil
}
