// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"tcpledger/test/tables"
)

const questionsPage = "../../../docs/questions.md"

// asked are the views in the order of the page, with the parameters that they take beside the window.
var asked = []struct{ view, more string }{
	{"q_timeline", ""}, {"q_endings_by_cause", ""}, {"q_new_causes", ""}, {"q_first_movers", ""}, {"q_endings_by_service", ""}, {"q_endings_by_owner", ""},
	{"q_endings_by_host", ""}, {"q_endings_by_peer", ""}, {"q_code_paths", ""}, {"q_failed_connects", ""}, {"q_refusing_listeners", ""}, {"q_full_listeners", ""}, {"q_timeouts", ""},
	{"q_resets_by_reason", ""}, {"q_between", ""}, {"q_reported_errors", ""}, {"q_drops_by_reason", ""}, {"q_retransmits_before_close", ""}, {"q_retransmits_by_drop", ""}, {"q_endings_with_loss", ""}, {"q_undelivered_data", ""},
	{"q_lingering", ""}, {"q_short_connections", ", shorter_than_ms = 100"}, {"q_idle_connections", ", idle_s = 300"},
	{"q_remote_address", ", ip = '10.0.0.5'"}, {"q_tuple_history", ", ip = '2001:db8::9', port = 50000"}, {"q_folded_stacks", ""}, {"q_flame_graph", ""},
}

var (
	questionsBlock = regexp.MustCompile(`(?s)(<!-- The questions: .*? -->\n).*?(<!-- End of the questions. -->)`)
	headOfView     = regexp.MustCompile(`(?m)^-- edition \d+: (.+)\n((?:--.*\n)*)`)
)

// section is a view's part of the page: its question, what its file notes, the statement and its answer.
func section(t *testing.T, l ledger, view, more string) string {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("../../../schema/views", view+".sql"))
	require.NoError(t, err)
	head := headOfView.FindStringSubmatch(string(file))
	require.NotNil(t, head, view)
	statement := fmt.Sprintf("SELECT * FROM tcpledger.%s(from = '2026-11-02 14:00:00', to = '2026-11-02 14:05:00'%s)", view, more)
	answer := shownAnswer(t, l, statement)
	notes := strings.TrimSpace(regexp.MustCompile(`(?m)^-- ?`).ReplaceAllString(head[2], ""))
	if notes != "" {
		notes += "\n\n"
	}
	return fmt.Sprintf("\n## %s\n\n%s```sql\n%s\n```\n\n```\n%s```\n", head[1], notes, statement, answer)
}

// shownAnswer is a table, or a line for each column if a table is too wide for the page.
func shownAnswer(t *testing.T, l ledger, statement string) string {
	t.Helper()
	for _, format := range []string{formatTable, formatVertical} {
		code, out, errs := l.run(t, "", "--format", format, statement)
		require.Zero(t, code, errs)
		require.NotEmpty(t, out, statement)
		first, _, _ := strings.Cut(out, "\n")
		if format == formatVertical || utf8.RuneCountInString(first) <= 160 {
			return out
		}
	}
	return ""
}

// docs/questions.md has every view with the answer of the sample rows.
//
//go:generate env TCPLEDGER_TEST_WRITE_GOLDEN=1 go test -count=1 -run TestTheQuestionsOfTheDocument .
func TestTheQuestionsOfTheDocument(t *testing.T) {
	files, err := filepath.Glob("../../../schema/views/q_*.sql")
	require.NoError(t, err)
	var views []string
	for _, file := range files {
		views = append(views, strings.TrimSuffix(filepath.Base(file), ".sql"))
	}
	l := emptyLedger(t)
	tables.FillQuestions(t, l.db)
	var b strings.Builder
	var shown []string
	for _, a := range asked {
		b.WriteString(section(t, l, a.view, a.more))
		shown = append(shown, a.view)
	}
	slices.Sort(shown)
	require.Equal(t, views, shown, "the page has every view once")
	page, err := os.ReadFile(questionsPage)
	require.NoError(t, err)
	require.Regexp(t, questionsBlock, string(page))
	want := questionsBlock.ReplaceAllStringFunc(string(page), func(block string) string {
		marks := questionsBlock.FindStringSubmatch(block)
		return marks[1] + b.String() + "\n" + marks[2]
	})
	if os.Getenv("TCPLEDGER_TEST_WRITE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(questionsPage, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(page), "%s is stale: make generate", questionsPage)
}
