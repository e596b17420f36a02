// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sqlRooms may have SQL that reads tables: query asks for people, schema has the views and migrations, internal/clickhouse the
// migrations' own state, and the ingester reads back what it needs to write. internal/devstack/clickhouse keeps its engine alive
// with a statement that reads no table.
var sqlRooms = []string{"query", "schema", "internal/clickhouse", "ingester", "internal/devstack/clickhouse"}

var selects = regexp.MustCompile(`(?is)\bSELECT\b.*\bFROM\b`)

// strayQueries lists the string literals of a Go file that read a table.
func strayQueries(file *ast.File) []string {
	var stray []string
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		if text, err := strconv.Unquote(literal.Value); err == nil && selects.MatchString(text) {
			stray = append(stray, text)
		}
		return true
	})
	return stray
}

// Every question has one home. Tests are left out: they ask the tables what the program did.
func TestQuestionsAreAskedInQuery(t *testing.T) {
	checked := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		within, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			skip := slices.Contains(sqlRooms, within) || slices.Contains(notOurs, within) || within == "test" || within != "." && strings.HasPrefix(entry.Name(), ".")
			if skip {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		checked++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, sql := range strayQueries(file) {
			t.Errorf("%s asks the tables by itself: the question belongs in query/\n%s", within, sql)
		}
		return nil
	}))
	require.Greater(t, checked, 50)
}

func TestTheSQLRuleBites(t *testing.T) {
	for text, want := range map[string]int{
		"package p\nconst q = `SELECT count()\nFROM x`":         1,
		"package p\nvar q = \"select a from \" + table":         1,
		"package p\n// SELECT a FROM b\nconst q = \"Selected\"": 0,
		"package p\nconst q = \"SELECT 1\"":                     0,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "p.go", text, 0)
		require.NoError(t, err)
		require.Len(t, strayQueries(file), want, text)
	}
}
