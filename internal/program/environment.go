// SPDX-License-Identifier: Apache-2.0

package program

import (
	_ "embed"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

const environmentPrefix = "TCPLEDGER_"

// testPrefixes begin the variables of the tests and of the build, which programs started by them inherit. They are no
// settings of a program.
var testPrefixes = []string{"TCPLEDGER_REQUIRE_", "TCPLEDGER_TEST_"}

// keys.txt lists every flag of every program, so that each program ignores the others' variables
// and refuses unknown ones.
// go generate ./deploy writes it from the built programs, and a test there compares.
//
//go:embed keys.txt
var keysOfAllPrograms string

// EnvironmentName is the variable that sets the flag called name.
func EnvironmentName(name string) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// readEnvironment reads the variables that are settings of the program with this root. A variable that no program knows is an
// error.
func readEnvironment(root *cobra.Command) (settings, error) {
	names := map[string]string{EnvironmentName(flagConfig): flagConfig}
	for name := range treeFlags(root) {
		names[EnvironmentName(name)] = name
	}
	others := map[string]bool{}
	for name := range strings.FieldsSeq(keysOfAllPrograms) {
		others[EnvironmentName(name)] = true
	}
	old := map[string]string{}
	for was, now := range renamed {
		old[EnvironmentName(was)] = was
		others[EnvironmentName(was)] = true
		if names[EnvironmentName(now)] != "" {
			names[EnvironmentName(was)] = now
		}
	}
	found := settings{}
	for _, entry := range os.Environ() {
		variable, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(variable, environmentPrefix) || others[variable] && names[variable] == "" || isTestVariable(variable) {
			continue
		}
		name, known := names[variable]
		if !known {
			candidates := slices.Sorted(maps.Keys(names))
			return nil, fmt.Errorf("environment: no tcpledger program knows %s%s", variable, suggestion(variable, candidates, ""))
		}
		if _, both := found[name]; both && value != "" {
			return nil, fmt.Errorf("environment: %s is set under its old name too", EnvironmentName(name))
		}
		if value != "" {
			found[name] = setting{values: []string{value}, source: "environment " + variable, old: old[variable]}
		}
	}
	return found, nil
}

func isTestVariable(variable string) bool {
	return slices.ContainsFunc(testPrefixes, func(p string) bool { return strings.HasPrefix(variable, p) })
}

// ChildEnvironment is this process's environment without its settings, for a child process that gets all of its settings as
// flags. No TCPLEDGER_CONFIG and no password of the parent reaches the child.
func ChildEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		variable, _, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(variable, environmentPrefix) && !isTestVariable(variable)
	})
}
