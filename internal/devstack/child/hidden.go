// SPDX-License-Identifier: Apache-2.0

package child

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// RunHidden runs the command that this process was started for when its first argument is that command's name, and
// reports whether it was. Test binaries call it first thing in TestMain, so that they can be their own children.
func RunHidden(commands ...*cobra.Command) bool {
	if len(os.Args) < 2 {
		return false
	}
	for _, command := range commands {
		if command.Name() != os.Args[1] {
			continue
		}
		command.SetArgs(os.Args[2:])
		command.SilenceUsage, command.SilenceErrors = true, true
		if err := command.Execute(); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
		}
		return true
	}
	return false
}
