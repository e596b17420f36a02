// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"tcpledger/internal/clickhouse"
	"tcpledger/schema"
	"tcpledger/test/browser"
	"tcpledger/test/hostile"
	"tcpledger/test/tables"
)

// fillHostile stores an ending, an event, a loss, a log line and a stack with each hostile name in every column that takes one.
func fillHostile(t *testing.T, db *clickhouse.DB) {
	t.Helper()
	makeLogs(t, db)
	for i, name := range hostile.Names() {
		q := schema.Quote(name)
		tables.Exec(t, db, fmt.Sprintf(`INSERT INTO connections (closed_at, host, session, seq, conn, cause, initiator, error, reset_reason, owner_comm, owner_how, k8s_namespace, k8s_pod, service, stack_id, retransmits, service_port, received_at)
VALUES (toDateTime64('2026-11-02 14:01:00', 6, 'UTC'), %[1]s, 7, %[2]d, %[2]d, 'refused', 'peer', %[1]s, %[1]s, %[1]s, 'close', %[1]s, %[1]s, %[1]s, 100 + %[2]d, 3, %[2]d, now64(6)), (toDateTime64('2026-11-02 14:01:01', 6, 'UTC'), 'h', 7, 1000 + %[2]d, 1000 + %[2]d, %[1]s, %[1]s, '', '', '', '', '', '', '', 0, 3, 1, now64(6));
INSERT INTO events (at, kind, host, session, stream, seq, conn, reason, state, owner_comm, received_at)
VALUES (toDateTime64('2026-11-02 14:00:59', 6, 'UTC'), 'drop', %[1]s, 7, 4, %[2]d, %[2]d, %[1]s, '', %[1]s, now64(6)), (toDateTime64('2026-11-02 14:00:59', 6, 'UTC'), 'lingering', %[1]s, 7, 5, %[2]d, %[2]d, '', %[1]s, %[1]s, now64(6));
INSERT INTO events (at, kind, host, session, stream, seq, conn, direction, reason, packet_seq, length, received_at)
VALUES (toDateTime64('2026-11-02 14:00:58', 6, 'UTC'), 'drop', %[1]s, 7, 6, 2 * %[2]d, 0, %[1]s, %[1]s, 1000 * %[2]d, 100, now64(6)), (toDateTime64('2026-11-02 14:00:59', 6, 'UTC'), 'retransmit', %[1]s, 7, 6, 2 * %[2]d + 1, %[2]d, 'out', %[1]s, 1000 * %[2]d, 100, now64(6));
INSERT INTO loss (at, host, session, stream, seq_from, seq_to, cause, received_at) VALUES (toDateTime64('2026-11-02 14:01:00', 6, 'UTC'), %[1]s, 7, 9, %[2]d, %[2]d, %[1]s, now64(6));
INSERT INTO checkpoints (at, host, session, run, phase, streams, next_seqs, totals, received_at) VALUES (toDateTime64('2026-11-02 14:02:00', 6, 'UTC'), %[1]s, 7, 1, 'periodic', [4], [99], {}, now64(6));
INSERT INTO otel_logs VALUES (toDateTime64('2026-11-02 14:01:00', 9, 'UTC'), '', '', 'ERROR', 17, %[1]s, %[1]s, {'host.name': %[1]s}, {});
INSERT INTO stacks (stack_id, fp, frames_resolved, symbols, modules, received_at) VALUES (100 + %[2]d, 0, 1, [%[1]s], [%[1]s], now64(6))`, q, i))
	}
}

// No name makes a terminal, a reader of Markdown, or a browser do anything.
func TestHostileNames(t *testing.T) {
	ch, db := tables.Start(t)
	fillHostile(t, db)
	ask := func(format string) string {
		code, out, errs := run(t, ch, "--from", "2026-11-02 14:00", "--to", "2026-11-02 14:05", "--against", "-1d", "--top", "100", "--sql", "--format", format)
		require.Zero(t, code, errs)
		require.True(t, utf8.ValidString(out), format)
		return out
	}
	t.Run("text", func(t *testing.T) {
		for _, r := range ask("text") {
			require.True(t, unicode.IsPrint(r) || r == '\n', "%q", r)
		}
	})
	t.Run("json", func(t *testing.T) { require.True(t, json.Valid([]byte(ask("json")))) })
	t.Run("markdown", func(t *testing.T) { plainMarkdown(t, ask("markdown")) })
	t.Run("html", func(t *testing.T) { quietPage(t, ask("html")) })
}

// tag is the name of an element as a renderer writes it.
var tag = regexp.MustCompile(`<([a-z0-9]+)`)

// bar is what separates the cells of a row.
var bar = regexp.MustCompile(`(^|[^\\])\|`)

// plainMarkdown renders as GitHub does, addresses in plain text and raw HTML included, and holds the elements to those of a report.
func plainMarkdown(t *testing.T, report string) {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(report), &page))
	known := []string{"h1", "h2", "h3", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "pre", "code"}
	for _, m := range tag.FindAllStringSubmatch(page.String(), -1) {
		require.Contains(t, known, m[1], "a name became an element:\n%s", page.String())
	}
	header := 0
	for line := range strings.Lines(report) {
		cells := len(bar.FindAllString(line, -1))
		if !strings.HasPrefix(line, "|") {
			header = 0
			continue
		}
		if header == 0 {
			header = cells
		}
		require.Equal(t, header, cells, line)
	}
	require.NotContains(t, page.String(), "raw HTML omitted")
}

// quietPage opens the page in a browser: no script runs, nothing is fetched, and the page's own policy has nothing to refuse.
func quietPage(t *testing.T, report string) {
	t.Helper()
	require.NotRegexp(t, `(?i)<(script|img|iframe|object|link|a|form|base)\b|\sstyle=|\son[a-z]+="|(src|href)=`, regexp.MustCompile(`&[#a-z0-9]+;[^<]*`).ReplaceAllString(report, ""))
	chromium := browser.Find(t)
	path := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, os.WriteFile(path, []byte(report), 0o600))
	dom, log := browser.Open(t, chromium, "file://"+path)
	require.Empty(t, browser.Complaints(log))
	require.Contains(t, dom, "<title>Postmortem of ")
	require.NotContains(t, dom, "<title>"+hostile.Owned)
	require.Equal(t, strings.Count(report, "<section"), strings.Count(dom, "<section"))
	require.Equal(t, strings.Count(report, "<svg"), strings.Count(dom, "<svg"))
	require.Contains(t, dom, `aria-label="flame graph`)
}
