// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/stretchr/testify/require"
)

func TestSheet(t *testing.T) {
	s := New(0, table.Row{"NAME", "N", "WHY"}, 1, 3)
	s.AppendRow(table.Row{"a", "1,000", "x"})
	s.AppendRow(table.Row{"bbbbb", "7", ""})
	require.Equal(t, "NAME       N  WHY\na      1,000  x\nbbbbb      7", s.Render())

	s = New(10, table.Row{"NAME", "N"}, 1)
	s.AppendRow(table.Row{"a long name", "1"})
	for line := range strings.SplitSeq(s.Render(), "\n") {
		require.LessOrEqual(t, utf8.RuneCountInString(line), 10)
		require.Contains(t, line, "…")
	}
}

// A process names itself: its name must not move the reader's cursor.
func TestPrintable(t *testing.T) {
	require.Equal(t, "a�[31mb�� ü 漢", Printable("a\x1b[31mb\n\u202e ü 漢"))
}
