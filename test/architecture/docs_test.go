// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"bytes"
	"go/ast"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// walk calls each with every file of ours that has the extension, by its path from here and by that from the root of the tree.
func walk(t *testing.T, extension string, each func(path, within string) error) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skipped(path, entry.Name()):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(path) != extension:
			return nil
		}
		within, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return each(path, within)
	}))
}

// pages reads every Markdown page of ours, by its path from the root of the tree.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	walk(t, ".md", func(path, within string) error {
		text, err := os.ReadFile(path)
		found[within] = string(text)
		return err
	})
	require.Contains(t, found, "README.md")
	return found
}

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenced   = regexp.MustCompile("(?ms)^```.*?^```")
	notInID  = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
	metric   = regexp.MustCompile(`\btcpledger_(?:agent|ingester|console)_[a-z0-9_]*[a-z0-9]\b`)
	appended = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// anchors are the headings of a page as links name them.
func anchors(text string) []string {
	var all []string
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		all = append(all, strings.ReplaceAll(notInID.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return all
}

// brokenLinks lists a page's links to files that do not exist and to headings that no page has.
func brokenLinks(page string, all map[string]string) []string {
	var broken []string
	for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(all[page], ""), -1) {
		target, anchor, anchored := strings.Cut(m[1], "#")
		if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		file := page
		if target != "" {
			file = filepath.Join(filepath.Dir(page), target)
		}
		if _, err := os.Stat(filepath.Join(root, file)); err != nil {
			broken = append(broken, page+" links to "+m[1]+": no such file")
			continue
		}
		if text, ok := all[file]; ok && anchored && !slices.Contains(anchors(text), anchor) {
			broken = append(broken, page+" links to "+m[1]+": no such heading")
		}
	}
	return broken
}

func TestLinksOfThePagesLead(t *testing.T) {
	all := pages(t)
	for page := range all {
		for _, broken := range brokenLinks(page, all) {
			t.Error(broken)
		}
	}
	bad := map[string]string{"README.md": "# A b\n[x](no.md) [y](#a-c) [z](#a-b) [w](https://example.org/) [v](docs)\n```\n[u](no.md)\n```\n"}
	require.Len(t, brokenLinks("README.md", bad), 2)
}

// A newcomer finds every page of docs from the README.
func TestTheReadmeLinksEveryPage(t *testing.T) {
	all := pages(t)
	for page := range all {
		if filepath.Dir(page) == "docs" {
			require.Contains(t, all["README.md"], "]("+page+")", "README.md has no link to this page")
		}
	}
}

// causes is a number of causes that a page names.
var causes = regexp.MustCompile(`\b(\d+) causes\b`)

func TestPagesCountTheCauses(t *testing.T) {
	for page, text := range pages(t) {
		for _, m := range causes.FindAllStringSubmatch(text, -1) {
			require.Equal(t, strconv.Itoa(len(schema.Causes())), m[1], page)
		}
	}
}

// literals are all the texts in the Go sources that are no tests.
func literals(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				text, err := strconv.Unquote(l.Value)
				found[text] = found[text] || err == nil
			}
			return true
		})
	}
	return found
}

// isMetric says whether the sources name the metric, whole or as a prefix and the rest.
func isMetric(name string, texts map[string]bool) bool {
	name = appended.ReplaceAllString(name, "")
	if texts[name] {
		return true
	}
	for i := len("tcpledger_"); i < len(name); i++ {
		if name[i-1] == '_' && texts[name[:i]] && texts[name[i:]] {
			return true
		}
	}
	return false
}

func TestMetricsOfThePagesExist(t *testing.T) {
	texts := literals(t)
	for page, text := range pages(t) {
		for _, name := range metric.FindAllString(text, -1) {
			if !isMetric(name, texts) {
				t.Errorf("%s: no program has the metric %s", page, name)
			}
		}
	}
	require.False(t, isMetric("tcpledger_agent_no_such_total", texts))
	require.True(t, isMetric("tcpledger_ingester_lag_messages", texts))
}

// roomRow is a row of ARCHITECTURE.md's table of rooms: name, contents, imports.
var roomRow = regexp.MustCompile("(?m)^\\| `([^`]+)/` \\| [^|]+ \\| ([^|]+) \\|$")

// The table of rooms in ARCHITECTURE.md says what the rules say.
func TestTheTableOfRoomsIsTheRules(t *testing.T) {
	shown := map[string][]string{}
	for _, row := range roomRow.FindAllStringSubmatch(pages(t)["ARCHITECTURE.md"], -1) {
		imports := []string{}
		if row[2] != "none" {
			imports = strings.Split(strings.ReplaceAll(row[2], "`", ""), ", ")
		}
		slices.Sort(imports)
		shown[row[1]] = imports
	}
	for name, allowed := range rooms {
		require.Equal(t, slices.Sorted(slices.Values(allowed)), slices.Sorted(slices.Values(shown[name])), "ARCHITECTURE.md about "+name)
		require.Contains(t, shown, name, "a room that ARCHITECTURE.md does not show")
	}
	require.Len(t, shown, len(rooms), "ARCHITECTURE.md shows a room that there is not")
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	command := exec.CommandContext(t.Context(), "go", "list", "-f", "{{if .GoFiles}}{{if not .Doc}}{{.ImportPath}}{{end}}{{end}}", "./...")
	command.Dir = root
	out, err := command.Output()
	require.NoError(t, err)
	require.Empty(t, string(bytes.TrimSpace(out)), "packages without a doc comment")
}
