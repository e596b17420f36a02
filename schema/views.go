// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// View is something in the database that holds no rows of its own, so that it can be made anew at any time: a view, or the
// Distributed table of a cluster. The program makes it when it is missing, when its text differs, and when its edition is
// older than the program's; a newer edition stays, it is a newer program's.
type View struct {
	Name    string
	Edition int
	Mark    string // in the comment: says which text the database has
	SQL     string // CREATE OR REPLACE …
}

//go:embed views/*.sql
var viewFiles embed.FS

const localSuffix = "_local"

var (
	viewHead = regexp.MustCompile(`(?m)^-- edition (\d+): (.+)\n`)
	viewMark = regexp.MustCompile(`\bedition (\d+), text [0-9a-f]{12}\b`)
)

// Views lists what is made anew, in order: on a cluster the Distributed tables, then the views that keep
// the rollups, then those that people ask. An error is a fault of the
// files in this program.
func Views(t Target) ([]View, error) {
	steps, err := Migrations(t)
	if err != nil {
		return nil, err
	}
	var out []View
	if t.Cluster != "" {
		for _, table := range AllTables() {
			out = append(out, distributed(t, table, len(steps)))
		}
	}
	out = append(out, notes(t)...)
	for _, r := range Rollups() {
		out = append(out, r.View(t))
	}
	for _, s := range StormSteps() {
		out = append(out, s.View(t))
	}
	entries, err := viewFiles.ReadDir("views")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		text, err := viewFiles.ReadFile(path.Join("views", entry.Name()))
		if err != nil {
			return nil, err
		}
		view, err := t.view(strings.TrimSuffix(entry.Name(), ".sql"), string(text))
		if err != nil {
			return nil, fmt.Errorf("views/%s: %w", entry.Name(), err)
		}
		out = append(out, view)
	}
	return out, nil
}

func (t Target) view(name, text string) (View, error) {
	head := viewHead.FindStringSubmatch(text)
	if head == nil {
		return View{}, fmt.Errorf("want a line -- edition N: what it shows")
	}
	edition, err := strconv.Atoi(head[1])
	if err != nil {
		return View{}, err
	}
	body := statements(t.render(viewParts.Replace(text)) + ";\n")
	if len(body) != 1 {
		return View{}, fmt.Errorf("want one SELECT, have %d statements", len(body))
	}
	return marked(name, edition, "CREATE OR REPLACE VIEW "+t.Database+"."+name+t.render("{on_cluster}")+" AS\n"+body[0].SQL, head[2]), nil
}

// distributed is the table over all shards of a cluster. A new step may change the columns, so it makes a new edition.
func distributed(t Target, table *Table, edition int) View {
	return marked(table.Name, edition, fmt.Sprintf("CREATE OR REPLACE TABLE %[1]s.%[2]s ON CLUSTER %[3]s AS %[1]s.%[2]s%[4]s\nENGINE = Distributed(%[3]s, %[5]s, %[6]s, rand())",
		t.Database, table.Name, Quote(t.Cluster), localSuffix, Quote(t.Database), Quote(table.Name+localSuffix)), table.Doc)
}

func marked(name string, edition int, sql, doc string) View {
	sum := sha256.Sum256([]byte(sql + doc))
	mark := fmt.Sprintf("edition %d, text %s", edition, hex.EncodeToString(sum[:])[:12])
	return View{Name: name, Edition: edition, Mark: mark, SQL: sql + "\nCOMMENT " + Quote(doc+" ("+mark+")")}
}

// Stale reports whether the view must be made: comment is that of the database's, "" when it has none.
func (v *View) Stale(comment string) bool {
	found := viewMark.FindStringSubmatch(comment)
	if found == nil {
		return true
	}
	edition, err := strconv.Atoi(found[1])
	return err != nil || edition < v.Edition || edition == v.Edition && found[0] != v.Mark
}
