// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
)

// kind is what the server's parser says a statement is.
type kind uint8

const (
	kindRead kind = iota + 1
	kindSelect
	kindSet
)

// selects is a SELECT, as the server's parser names it.
const selects = "SelectWithUnionQuery"

// reads are the statements that only read, as the server's parser names them. readonly lets others pass: KILL QUERY, BACKUP, and INSERT
// INTO FUNCTION file(…), also behind a WITH.
var reads = []string{selects, "ShowTables", "ShowColumns", "ShowFunctions", "ShowCreateTableQuery", "ShowCreateViewQuery",
	"ShowCreateDatabaseQuery", "ShowCreateDictionaryQuery", "ShowProcesslistQuery", "ShowGrantsQuery", "ShowAccessQuery", "ShowSetting", "ShowEngineQuery",
	"ShowPrivilegesQuery", "DescribeQuery", "ExistsTableQuery", "ExistsViewQuery", "ExistsDatabaseQuery", "ExistsDictionaryQuery"}

var errNotRead = errors.New("this statement does more than read: SELECT, SHOW, DESCRIBE, EXISTS and EXPLAIN are run here, and SET for one setting")

// parseOnly in front of a statement has the server parse it and run nothing.
const parseOnly = "EXPLAIN AST "

// kindOf has the server parse a statement and refuses one that does more than read.
func (s *session) kindOf(ctx context.Context, sql string) (kind, error) {
	settings := maps.Clone(s.settings)
	settings.Set("default_format", "LineAsString")
	answer, err := s.server.Ask(ctx, parseOnly+sql, settings)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Close() }() // read to its end, or given up
	tree, err := io.ReadAll(io.LimitReader(answer, maxTree))
	if err != nil {
		return 0, err
	}
	return judge(string(tree))
}

// maxTree bounds what is read of a statement's tree: its first lines decide.
const maxTree = 1 << 20

// judge reads the first lines of a tree: the statement's name, and below an EXPLAIN, behind its own settings, that of what it explains.
func judge(tree string) (kind, error) {
	explained := false
	for line := range strings.Lines(tree) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case name == "Explain":
			explained = true
			continue
		case name == "Set" && explained:
			continue
		case name == "Set":
			return kindSet, nil
		case name == selects && !explained:
			return kindSelect, nil
		case slices.Contains(reads, name):
			return kindRead, nil
		}
		return 0, errNotRead
	}
	return 0, errNotRead
}
