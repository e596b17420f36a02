// SPDX-License-Identifier: Apache-2.0

package text

import (
	"bytes"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

func escaped(t testing.TB, pieces ...string) string {
	t.Helper()
	var out bytes.Buffer
	w := NewTerminal(&out)
	for _, p := range pieces {
		n, err := w.Write([]byte(p))
		require.NoError(t, err)
		require.Len(t, p, n)
	}
	require.NoError(t, w.Flush())
	return out.String()
}

func TestTerminal(t *testing.T) {
	require.Equal(t, "│ a\tü漢 │\n", escaped(t, "│ a\tü漢 │\n"))
	require.Equal(t, `\x1b[31m\x07\x0d\x00\x7f`, escaped(t, "\x1b[31m\a\r\x00\x7f"))
	require.Equal(t, `\u202e\u009b\u200b\U000e0001`, escaped(t, "\u202e\u009b\u200b\U000e0001"))
	require.Equal(t, `\xff\xc3(`+"\ufffd", escaped(t, "\xff\xc3(\ufffd"))
	require.Equal(t, "ü漢", escaped(t, "\xc3", "\xbc\xe6", "\xbc", "\xa2"))
	require.Equal(t, `a\xe6\xbc`, escaped(t, "a\xe6", "\xbc"))
}

// Whatever comes, in whatever pieces, no character is written that a terminal acts on.
func FuzzTerminal(f *testing.F) {
	f.Add([]byte("a\x1b[2Jü\xff"), 3)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		cut = max(0, min(cut, len(text)))
		got := escaped(t, string(text[:cut]), string(text[cut:]))
		require.Equal(t, escaped(t, string(text)), got)
		for _, r := range got {
			require.True(t, r == '\n' || r == '\t' || unicode.IsPrint(r), "%q", got)
		}
	})
}
