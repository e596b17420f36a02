// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema/vocabulary"
)

// Each step's text is whole: no file is empty, and no brace is left but those of the target.
func TestStormStepsAreWhole(t *testing.T) {
	files, err := stormFiles.ReadDir("storms")
	require.NoError(t, err)
	require.Len(t, files, 9)
	for _, file := range files {
		require.NotEmpty(t, stormText(strings.TrimSuffix(file.Name(), ".sql")), file.Name())
	}
	for _, step := range StormSteps() {
		left := regexp.MustCompile(`\{[^}]*\}`).FindAllString(step.Select("now()"), -1)
		for _, brace := range left {
			require.Contains(t, []string{"{db}", "{local}"}, brace, step.Table.Name)
		}
		require.NotContains(t, oneServer.render(step.Select("now()")), "{", step.Table.Name)
	}
}

// What the steps name are causes and kinds that there are.
func TestStormTermsAreCausesAndKinds(t *testing.T) {
	known := map[string]bool{"early_closes": true, "late_closes": true}
	for _, cause := range Causes() {
		known[string(cause)] = true
	}
	for _, kind := range vocabulary.Kinds {
		known[kind.Name] = true
	}
	checked := 0
	for _, term := range stormTerms {
		switch term[0] {
		case "{unmade}", "{failed}", "{ordinary}", "{own load}", "{kinds}":
			for _, name := range regexp.MustCompile(`'(\w+)'`).FindAllStringSubmatch(term[1], -1) {
				checked++
				require.True(t, known[name[1]], name[1])
			}
		}
	}
	require.Greater(t, checked, 20)
}
