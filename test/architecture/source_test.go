// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// source is one Go file of ours.
type source struct {
	path string // from the root of the tree
	file *ast.File
	set  *token.FileSet
}

// sources parses every Go file of ours.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	walk(t, ".go", func(path, within string) error {
		s := source{path: within, set: token.NewFileSet()}
		file, err := parser.ParseFile(s.set, path, nil, parser.ParseComments)
		s.file = file
		all = append(all, s)
		return err
	})
	require.NotEmpty(t, all)
	return all
}

// skipped says of a folder that it holds nothing of ours.
func skipped(path, name string) bool {
	return path != root && (strings.HasPrefix(name, ".") || name == "node_modules") ||
		filepath.Dir(path) == root && slices.Contains(notOurs, name)
}

func (s *source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// at says where a node stands.
func (s *source) at(n ast.Node) string {
	p := s.set.Position(n.Pos())
	return fmt.Sprintf("%s:%d:%d", s.path, p.Line, p.Column)
}

// homemadeBound is a name of a bound that is not max….
var homemadeBound = regexp.MustCompile(`^most[A-Z]`)

// homemadeBounds lists the names of bounds in a file that are not max….
func homemadeBounds(s *source) []string {
	var wrong []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && homemadeBound.MatchString(id.Name) {
			wrong = append(wrong, s.at(id)+": "+id.Name+": a bound is named max…")
		}
		return true
	})
	return wrong
}

// loopsThatWait lists the loops that wait with time.After or time.Sleep: they retry or poll by hand.
func loopsThatWait(s *source) []string {
	var wrong []string
	var loops []ast.Node
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			loops = append(loops, n)
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			waits := ok && x.Name == "time" && (n.Sel.Name == "After" || n.Sel.Name == "Sleep")
			inLoop := slices.ContainsFunc(loops, func(l ast.Node) bool { return l.Pos() <= n.Pos() && n.End() <= l.End() })
			if waits && inLoop {
				wrong = append(wrong, s.at(n)+": a loop waits with time."+n.Sel.Name+": internal/retry does")
			}
		}
		return true
	})
	return wrong
}

// Bounds have one kind of name, and internal/retry waits between tries for everybody. Tests poll as they like.
func TestSourcesKeepTheRules(t *testing.T) {
	for _, s := range sources(t) {
		for _, wrong := range homemadeBounds(&s) {
			t.Error(wrong)
		}
		if s.isTest() || strings.HasPrefix(s.path, "internal/retry/") || strings.HasPrefix(s.path, "test/") {
			continue
		}
		for _, wrong := range loopsThatWait(&s) {
			t.Error(wrong)
		}
	}
}

// parsed is a source from text, for the rules' own tests.
func parsed(t *testing.T, text string) *source {
	t.Helper()
	s := &source{path: "x.go", set: token.NewFileSet()}
	var err error
	s.file, err = parser.ParseFile(s.set, "x.go", "package x\n"+text, 0)
	require.NoError(t, err)
	return s
}

func TestTheRulesOfSourcesBite(t *testing.T) {
	require.Equal(t, []string{"x.go:2:7: mostOpen: a bound is named max…"}, homemadeBounds(parsed(t, "const mostOpen = 1")))
	require.Empty(t, homemadeBounds(parsed(t, "const almostOpen, most = 1, 2")))
	require.Len(t, loopsThatWait(parsed(t, "func f() { for { select { case <-time.After(1): } } }")), 1)
	require.Len(t, loopsThatWait(parsed(t, "func f() { for range 3 { time.Sleep(1) } }")), 1)
	require.Empty(t, loopsThatWait(parsed(t, "func f() { for range 3 { g() }; <-time.After(1) }")))
}
