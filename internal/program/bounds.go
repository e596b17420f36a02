// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cmp"
	"fmt"

	"github.com/spf13/pflag"
)

const boundsAnnotation = "tcpledger_bounds"

// Bounds refuses values of the flag called name, declared in flags before, that are outside low to high, whatever source they
// come from. value is the flag's variable. The reference of the settings shows the bounds.
func Bounds[T cmp.Ordered](flags *pflag.FlagSet, name string, value *T, low, high T) {
	f := flags.Lookup(name)
	f.Value = &bounded[T]{Value: f.Value, value: value, low: low, high: high}
	annotate(f, boundsAnnotation, fmt.Sprintf("%v to %v", low, high))
}

// ShowBounds makes the reference of the settings show bounds, in words, that the program checks by itself. They go by the
// names of flags declared in flags before.
func ShowBounds(flags *pflag.FlagSet, bounds map[string]string) {
	for name, words := range bounds {
		annotate(flags.Lookup(name), boundsAnnotation, words)
	}
}

// bounded is a flag's value that keeps within bounds.
type bounded[T cmp.Ordered] struct {
	pflag.Value
	value     *T
	low, high T
}

// Set takes text if its value is within the bounds, and leaves the value else.
func (b *bounded[T]) Set(text string) error {
	before := *b.value
	if err := b.Value.Set(text); err != nil {
		return err
	}
	if *b.value < b.low || *b.value > b.high {
		*b.value = before
		return fmt.Errorf("must be from %v to %v", b.low, b.high)
	}
	return nil
}

// annotate gives a flag an annotation of one value.
func annotate(f *pflag.Flag, key, value string) {
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[key] = []string{value}
}

// annotation is the flag's annotation, "" without.
func annotation(f *pflag.Flag, key string) string {
	if values := f.Annotations[key]; len(values) == 1 {
		return values[0]
	}
	return ""
}
