// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version is what --version, the version command and tcpledger_build_info show. The build sets it with
// -ldflags "-X tcpledger/internal/program.Version=v1.2.3"; without that it is what the Go toolchain recorded.
var Version string

func init() {
	if Version == "" {
		Version = recordedVersion()
	}
}

// recordedVersion is the module version in the binary, "devel" if the toolchain wrote none.
func recordedVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// Revision is the commit the binary was built from, as the Go toolchain recorded it, with "+dirty" if the tree had
// changes; "unknown" if nothing was recorded (-buildvcs=false, a source archive).
func Revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, dirty := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	return revision + dirty
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and what it was built with",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\nrevision %s\n%s %s/%s\n", cmd.Root().Name(), Version, Revision(),
				runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
