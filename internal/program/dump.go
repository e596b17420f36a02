// SPDX-License-Identifier: Apache-2.0

package program

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// mask stands for a secret in what Dump writes.
const mask = "********"

// Dump writes the effective configuration of cmd as YAML, each line with its source as a comment. What it writes is a
// valid file for --config. A secret that is set stands as a comment with a mask, so that a mask never becomes a password.
func Dump(w io.Writer, cmd *cobra.Command) error {
	var out bytes.Buffer
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if failed != nil || !configurable(f) {
			return
		}
		if isSecret(f) && f.Value.String() != "" {
			fmt.Fprintf(&out, "# %s: %q # %s\n", f.Name, mask, source(f))
			return
		}
		var line []byte
		if line, failed = yaml.Marshal(map[string]any{f.Name: flagNode(f)}); failed == nil {
			fmt.Fprintf(&out, "%s # %s\n", bytes.TrimRight(line, "\n"), source(f))
		}
	})
	if failed != nil {
		return fmt.Errorf("dump: %w", failed)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// flagNode is a flag's value as YAML: a list for a repeatable one, a bare word for numbers, durations and booleans.
func flagNode(f *pflag.Flag) *yaml.Node {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, value := range list.GetSlice() {
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value})
		}
		return n
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: f.Value.String()}
	if f.Value.Type() == "string" {
		n.Tag = "!!str"
	}
	return n
}
