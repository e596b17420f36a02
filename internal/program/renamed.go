// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"

	"github.com/spf13/pflag"
)

const oldNameAnnotation = "tcpledger_old_name"

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

// normalize lets the command line take old names. The flag keeps the old name that was used.
func normalize(flags *pflag.FlagSet, name string) pflag.NormalizedName {
	now := today(name)
	if now == name {
		return pflag.NormalizedName(name)
	}
	if f := flags.Lookup(now); f != nil {
		annotate(f, oldNameAnnotation, name)
	}
	return pflag.NormalizedName(now)
}

// usedOldNames says of each flag that the command line set by an old name what it is called now.
func usedOldNames(flags *pflag.FlagSet) []string {
	var lines []string
	flags.VisitAll(func(f *pflag.Flag) {
		if old := annotation(f, oldNameAnnotation); old != "" && source(f) == sourceFlag {
			lines = append(lines, fmt.Sprintf("--%s is called --%s now", old, f.Name))
		}
	})
	return lines
}
