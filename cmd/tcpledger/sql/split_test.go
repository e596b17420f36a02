// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSplit(t *testing.T) {
	for text, want := range map[string]struct {
		ended []statement
		rest  string
	}{
		"":                             {nil, ""},
		"SELECT 1":                     {nil, "SELECT 1"},
		"SELECT 1;":                    {[]statement{{"SELECT 1", false}}, ""},
		" SELECT 1 ;\n SELECT 2\\G x":  {[]statement{{"SELECT 1", false}, {"SELECT 2", true}}, " x"},
		";;\n;":                        {nil, ""},
		"-- only a comment;\n":         {nil, ""},
		"SELECT ';' -- ;\n, 2;":        {[]statement{{"SELECT ';' -- ;\n, 2", false}}, ""},
		"SELECT 'it''s; \\';', 2;":     {[]statement{{"SELECT 'it''s; \\';', 2", false}}, ""},
		"SELECT \"a;b\", `c;d` FROM t": {nil, "SELECT \"a;b\", `c;d` FROM t"},
		"SELECT /* ; */ 1; /* x */":    {[]statement{{"SELECT /* ; */ 1", false}}, ""},
		"SELECT $a$ ; $$ ; $a$; S":     {[]statement{{"SELECT $a$ ; $$ ; $a$", false}}, " S"},
		"SELECT 'no end; SELECT 2;":    {nil, "SELECT 'no end; SELECT 2;"},
		"SELECT 5 - -3 # x;\n;":        {[]statement{{"SELECT 5 - -3 # x;", false}}, ""},
		"SELECT 'x\\G'\\G":             {[]statement{{"SELECT 'x\\G'", true}}, ""},
	} {
		ended, rest := split(text)
		require.Equal(t, want.ended, ended, text)
		require.Equal(t, want.rest, rest, text)
	}
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT 1;\n":                            "SELECT 1;",
		"SELECT a, -- the first\n\tb\nFROM  t;":  "SELECT a, b FROM t;",
		"SELECT 'two\nlines',\n\n/* x\n*/ 2\\G ": `SELECT 'two\nlines', 2\G`,
	} {
		require.Equal(t, want, oneLine(text))
	}
}

// Every byte of a text is in a statement, its end, a comment, a blank or the rest.
func FuzzSplit(f *testing.F) {
	for _, text := range []string{"SELECT ';';", "a\\G-- b\n;", "$x$;$x$;'", "/*/;*/;", "#!;\n\"", "\xff;"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ended, rest := split(text)
		at := 0
		for _, s := range ended {
			i := strings.Index(text[at:], s.sql)
			require.GreaterOrEqual(t, i, 0)
			require.NotEmpty(t, s.sql)
			at += i + len(s.sql)
		}
		require.True(t, strings.HasSuffix(text, rest))
		require.LessOrEqual(t, at, len(text)-len(rest))
		require.NotContains(t, oneLine(strings.NewReplacer("$", "", "\\", "").Replace(text)), "\n")
	})
}
