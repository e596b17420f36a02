// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
)

func TestOffer(t *testing.T) {
	c := &completer{database: "tcpledger", names: []query.Name{
		{Kind: "table", Name: "connections"}, {Kind: "table", Name: "closes_1m"}, {Kind: "table", Name: "events"},
		{Kind: "view", Name: "q_timeline", Parameters: []string{"from", "to"}},
		{Kind: "column", Name: "closed_at", Of: "connections"}, {Kind: "column", Name: "cause", Of: "connections"},
		{Kind: "column", Name: "cause", Of: "closes_1m"}, {Kind: "column", Name: "kind", Of: "events"},
		{Kind: "function", Name: "count"}, {Kind: "function", Name: "countIf"}, {Kind: "function", Name: "toString"},
	}}
	for _, test := range []struct{ before, after, head, words string }{
		{"SELECT * FROM c", "", "SELECT * FROM ", "closes_1m connections"},
		{"select * from Q_", "", "select * from ", "q_timeline("},
		{"SELECT * FROM\n", "", "SELECT * FROM\n", "closes_1m connections events q_timeline("},
		{"SELECT * FROM tcpledger.e", "", "SELECT * FROM tcpledger.", "events"},
		{"DESCRIBE ev", "", "DESCRIBE ", "events"},
		{"SELECT c", " FROM connections", "SELECT ", "CASE cause closed_at closes_1m( connections count countIf"},
		{"SELECT c", "", "SELECT ", "CASE closes_1m connections count countIf"},
		{"SELECT count() FROM events WHERE k", "", "SELECT count() FROM events WHERE ", "kind"},
		{"SELECT connections.ca", " FROM connections", "SELECT connections.", "cause"},
		{"SELECT * FROM q_timeline(fr", "", "SELECT * FROM q_timeline(", "FROM from"},
		{"SELECT * FROM q_timeline(from = '1', ", "", "SELECT * FROM q_timeline(from = '1', ", "from to"},
		{"SELECT nothing_like_it", "", "SELECT ", ""},
		{"", "", "", ""},
	} {
		head, words := c.offer(test.before, test.after)
		require.Equal(t, test.head, head, test.before)
		require.Equal(t, strings.ReplaceAll(test.words, "closes_1m(", "closes_1m"), strings.Join(words, " "), test.before)
	}
}

func TestJudge(t *testing.T) {
	for tree, want := range map[string]kind{
		"SelectWithUnionQuery (children 1)\n ExpressionList":                       kindSelect,
		"Explain EXPLAIN (children 2)\n Set\n SelectWithUnionQuery (children 1)":   kindRead,
		"DescribeQuery (children 1)":                                               kindRead,
		"Set":                                                                      kindSet,
		"InsertQuery   (children 2)\n SelectWithUnionQuery (children 1)":           0,
		"Explain EXPLAIN AST (children 1)\n KillQueryQuery Literal_UInt64_1 ASYNC": 0,
		"Explain EXPLAIN (children 1)\n Set":                                       0,
		"SYSTEM query":                                                             0,
		"SelectWithUnionQueryOfTomorrow":                                           0,
		"":                                                                         0,
	} {
		got, err := judge(tree)
		require.Equal(t, want, got, tree)
		require.Equal(t, want == 0, err != nil, tree)
	}
}

func TestPlaced(t *testing.T) {
	require.Equal(t, "Syntax error: failed at position 7 (1)", placed("Syntax error: failed at position 19 (1)"))
	require.Equal(t, "Syntax error (x): failed at position 3 (1)", placed("Syntax error (x): failed at position 3 (1)"))
	require.Equal(t, "Unknown 'failed at position 19'", placed("Unknown 'failed at position 19'"))
}
