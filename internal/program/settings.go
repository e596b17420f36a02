// SPDX-License-Identifier: Apache-2.0

package program

import (
	"encoding/json"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Setting describes one setting of one command, as the hidden command "settings" prints it for the reference in docs.
type Setting struct {
	Command    string `json:"command"` // "tcpledger-agent", "tcpledger console"
	Key        string `json:"key"`     // also the flag's name
	Variable   string `json:"variable"`
	Type       string `json:"type"`
	Default    string `json:"default"`
	Bounds     string `json:"bounds,omitempty"`
	Meaning    string `json:"meaning"`
	Repeatable bool   `json:"repeatable,omitempty"`
}

func settingsCommand() *cobra.Command {
	return &cobra.Command{
		Use:    settingsName,
		Short:  "Print every setting of every command as JSON",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			encoder := json.NewEncoder(cmd.OutOrStdout())
			encoder.SetIndent("", "  ")
			return encoder.Encode(settingsOf(cmd.Root()))
		},
	}
}

// settingsOf lists the settings of a command and of those below it that have a configuration.
func settingsOf(cmd *cobra.Command) []Setting {
	var all []Setting
	if cmd.Runnable() && !isHelper(cmd) && !cmd.Hidden {
		_ = cmd.InheritedFlags() // merges them into Flags
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if configurable(f) {
				all = append(all, settingOf(cmd, f))
			}
		})
	}
	for _, child := range cmd.Commands() {
		all = append(all, settingsOf(child)...)
	}
	return all
}

func settingOf(cmd *cobra.Command, f *pflag.Flag) Setting {
	kind, meaning := pflag.UnquoteUsage(f)
	_, repeatable := f.Value.(pflag.SliceValue)
	return Setting{Command: cmd.CommandPath(), Key: f.Name, Variable: EnvironmentName(f.Name), Type: kind, Default: f.DefValue,
		Bounds: annotation(f, boundsAnnotation), Meaning: meaning, Repeatable: repeatable}
}
