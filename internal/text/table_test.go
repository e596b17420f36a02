// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	table := NewTable(0, []string{"NAME", "N", "WHY"}, 1, 3)
	table.Row("a", "1,000", "x")
	table.Row("bbbbb", 7, "")
	require.Equal(t, "NAME       N  WHY\na      1,000  x\nbbbbb      7", table.String())

	table = NewTable(10, []string{"NAME", "N"}, 1)
	table.Row("a long name", "1")
	for line := range strings.SplitSeq(table.String(), "\n") {
		require.LessOrEqual(t, utf8.RuneCountInString(line), 10)
		require.Contains(t, line, "…")
	}
}

// A process names itself: its name must not move the reader's cursor.
func TestPrintable(t *testing.T) {
	require.Equal(t, "a�[31mb�� ü 漢", Printable("a\x1b[31mb\n\u202e ü 漢"))
	require.Equal(t, "��", Printable("\xff\x00"))
}

func TestLine(t *testing.T) {
	require.Equal(t, "code: 60, table x�[2J", Line(" code: 60,\n\ttable x\x1b[2J\n", 40))
	require.Equal(t, "über…", Line("über alles", 5))
	require.Equal(t, "über", Line("über", 4))
	require.Empty(t, Line("\n", 4))
}
