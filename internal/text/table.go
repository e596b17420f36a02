// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Table is a table for a terminal: aligned columns, no lines, numbers to the right.
type Table struct{ writer table.Writer }

// NewTable makes an empty table with that header. The columns whose numbers, from 1, are in left hold text, the others numbers.
// Lines wider than width columns are cut and end with "…"; a width of 0 cuts none.
func NewTable(width int, header []string, left ...int) *Table {
	w := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Box.UnfinishedRow = "…"
	style.Format.Header = text.FormatDefault
	style.Size.WidthMax = width
	w.SetStyle(style)
	w.SuppressTrailingSpaces()
	configs := make([]table.ColumnConfig, len(header))
	names := make(table.Row, len(header))
	for i := range configs {
		configs[i] = table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight}
		names[i] = header[i]
	}
	for _, n := range left {
		configs[n-1].Align, configs[n-1].AlignHeader = text.AlignLeft, text.AlignLeft
	}
	w.AppendHeader(names)
	w.SetColumnConfigs(configs)
	return &Table{w}
}

// Row appends a row, one cell for each column of the header. Text from other processes goes through Printable first.
func (t *Table) Row(cells ...any) { t.writer.AppendRow(cells) }

// String gives the table; each line but the last ends with a newline.
func (t *Table) String() string { return strings.TrimRight(t.writer.Render(), "\n") }
