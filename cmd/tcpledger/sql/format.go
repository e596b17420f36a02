// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"net/url"
	"slices"
	"strconv"
)

// format is a word of --format: ClickHouse's name for it and settings that go with it.
type format struct {
	word     string
	name     string
	settings map[string]string
}

const (
	formatAuto     = "auto"
	formatTable    = "table"
	formatVertical = "vertical"
	formatTSV      = "tsv"
)

// maxShown bounds the rows of a table or of a vertical answer, which are for people.
const maxShown = 1000

// plain keeps ClickHouse from writing anything that a terminal acts on, and what is no row.
var plain = map[string]string{
	"output_format_pretty_color":                             "0",
	"output_format_pretty_row_numbers":                       "0",
	"output_format_pretty_single_large_number_tip_threshold": "0",
	"output_format_pretty_max_rows":                          strconv.Itoa(maxShown),
	"output_format_pretty_fallback_to_vertical":              "0",
}

// formats are the words of --format, in the order in which help names them.
var formats = []format{
	{formatTable, "PrettyCompactMonoBlock", plain},
	{formatVertical, "Vertical", plain},
	{"csv", "CSVWithNames", nil},
	{"json", "JSONEachRow", nil},
	{formatTSV, "TSVWithNames", nil},
}

func formatNames() []string {
	var words []string
	for _, f := range formats {
		words = append(words, f.word)
	}
	return words
}

// known reports whether a word is one of --format.
func known(word string) bool { return word == formatAuto || slices.Contains(formatNames(), word) }

// formatted adds the settings of a format. Auto is a table on a terminal of so many columns, and a wide one is vertical there; elsewhere
// auto is tsv. A FORMAT clause in the statement goes before it.
func formatted(settings url.Values, word string, terminal bool, columns int) {
	auto := word == formatAuto
	switch {
	case auto && terminal:
		word = formatTable
	case auto:
		word = formatTSV
	}
	for _, f := range formats {
		if f.word != word {
			continue
		}
		settings.Set("default_format", f.name)
		for name, value := range f.settings {
			settings.Set(name, value)
		}
	}
	if auto && terminal && columns > 0 {
		settings.Set("output_format_pretty_fallback_to_vertical", "1")
		settings.Set("output_format_pretty_fallback_to_vertical_min_table_width", strconv.Itoa(columns))
		settings.Set("output_format_pretty_fallback_to_vertical_min_columns", "2")
	}
}
