// SPDX-License-Identifier: Apache-2.0

package schema

import "strings"

// Quote writes s as a string literal of ClickHouse's SQL.
func Quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// Setting is one setting of a ClickHouse query or profile.
type Setting struct {
	Name  string
	Value int
}

// FinalSettings make a query count each record once, whatever was inserted twice: the tables are ReplacingMergeTrees that
// end in a record's identity. The profiles of people who read have them, and every question of ours sends them.
func FinalSettings() []Setting {
	return []Setting{
		{"final", 1},
		{"do_not_merge_across_partitions_select_final", 1}, // rows of one identity have one day
		{"use_skip_indexes_if_final_exact_mode", 0},        // rows of one identity have one address
	}
}
