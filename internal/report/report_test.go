// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/text"
)

// sample has a section of each kind.
func sample() *Report {
	return &Report{
		Title: "Postmortem", Head: []string{"14:00 to 14:05 UTC"}, Fields: text.Object{{Name: "from", Value: "14:00"}, {Name: "tz", Value: "UTC"}},
		Sections: []Section{
			{Name: "totals", Data: map[string]int{"endings": 2}, Notes: []string{"2 connections ended"}, SQL: []string{"-- totals\nSELECT 1;\n"}},
			{Name: "by_cause", Title: "By cause", Data: []string{"refused"}, Picture: `<svg viewBox="0 0 1 1"></svg>`, Tables: []Table{
				{Columns: append(Words("cause"), Numbers("endings")...), Rows: [][]string{{"peer_reset", "1,000"}, {"refused", "2"}}, More: 3}}, Notes: []string{"as the kernel says"}},
			{Name: "by_path", Title: "By code path", Err: errors.New("code: 60,\n unknown table")},
			{Name: "losses", Title: "Losses", Notes: []string{"none"}},
			{Name: "open", Title: "Not yet known", Data: []int{1, 2}, Notes: []string{"web-1: all", "db-1: all"}},
			{Name: "audit", Title: "Audit"},
		},
	}
}

func written(t *testing.T, r *Report, format string, l Layout) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, r.Write(&out, format, l))
	return out.String()
}

func TestForms(t *testing.T) {
	for format, extension := range map[string]string{Text: "txt", Markdown: "md", JSON: "json", HTML: "html"} {
		got := written(t, sample(), format, Layout{SQL: true})
		path := filepath.Join("testdata", "sample."+extension)
		if os.Getenv("TCPLEDGER_TEST_WRITE_GOLDEN") != "" {
			require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), got, format)
		require.Equal(t, got, written(t, sample(), format, Layout{SQL: true}), "the same report gives the same bytes")
	}
	require.ErrorContains(t, sample().Write(io.Discard, "pdf", Layout{}), `no form "pdf"`)
	require.Equal(t, 1, sample().Failed())
}

func TestWithoutSQL(t *testing.T) {
	for _, format := range Formats() {
		require.NotContains(t, written(t, sample(), format, Layout{}), "SELECT", format)
	}
}

// What failed is null, nothing is [], and the order of the names is that of the report.
func TestJSON(t *testing.T) {
	text := written(t, sample(), JSON, Layout{})
	var got struct {
		Path   *[]int            `json:"by_path"`
		Losses *[]int            `json:"losses"`
		Failed map[string]string `json:"failed"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &got))
	require.Nil(t, got.Path)
	require.Empty(t, *got.Losses)
	require.Equal(t, map[string]string{"by_path": "code: 60,\n unknown table"}, got.Failed)
	require.Regexp(t, `(?s)"from".*"tz".*"totals".*"by_cause".*"by_path".*"losses".*"open".*"audit".*"failed"`, text)
}

// What is no longer kept did not fail.
func TestGone(t *testing.T) {
	r := &Report{Title: "x", Sections: []Section{{Name: "by_host", Title: "By host", Err: errors.New("rows aged out"), Gone: true}}}
	require.Zero(t, r.Failed())
	require.Contains(t, written(t, r, Text, Layout{}), "BY HOST  no longer known: rows aged out")
	require.Contains(t, written(t, r, Markdown, Layout{}), "**no longer known: rows aged out**")
	require.Contains(t, written(t, r, HTML, Layout{}), "no longer known: rows aged out")
	require.JSONEq(t, `{"by_host": null, "gone": {"by_host": "rows aged out"}}`, written(t, r, JSON, Layout{}))
}

func TestTextTellsWhatIsCut(t *testing.T) {
	require.Contains(t, written(t, sample(), Text, Layout{Width: 14}), "\nCUT  at the terminal's 14 columns")
	require.NotContains(t, written(t, sample(), Text, Layout{Width: 140}), "CUT")
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	write := func(text string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, _ = io.WriteString(w, text)
			return err
		}
	}
	require.NoError(t, WriteFile(path, write("one", nil)))
	require.ErrorContains(t, WriteFile(path, write("tw", errors.New("cut"))), "write "+path+": cut")
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "one", string(got), "a report that could not be written leaves the one before")
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.ErrorContains(t, WriteFile(filepath.Join(path, "x"), write("", nil)), "not a directory")
}
