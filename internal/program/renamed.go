// SPDX-License-Identifier: Apache-2.0

package program

import "github.com/spf13/pflag"

// renamed are settings of released versions that have another name now, old to new. The old name works everywhere, on the
// command line, in the environment and in a file, with a line on stderr that gives the new one. An old name is never used
// again.
var renamed = map[string]string{
	"group": "kafka-group",
}

// today is the name that a setting has now.
func today(name string) string {
	if now, ok := renamed[name]; ok {
		return now
	}
	return name
}

// normalize lets the command line take old names.
func normalize(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	return pflag.NormalizedName(today(name))
}
