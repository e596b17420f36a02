// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
	"tcpledger/internal/report"
	"tcpledger/query"
	"tcpledger/schema"
	"tcpledger/test/tables"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// run runs the command as a person does and returns its exit code and what it wrote.
func run(t *testing.T, ch clickhouse.Flags, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	root := program.Command("tcpledger", "", "")
	root.AddCommand(Command())
	root.SetArgs(append([]string{"postmortem", "--clickhouse", ch.Addr}, args...))
	var out, errs bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&errs)
	code = program.Main(root)
	return code, out.String(), errs.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("TCPLEDGER_TEST_WRITE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// A long window is read from rollups, and the report names them.
func TestTheReportNamesTheRollups(t *testing.T) {
	ch, db := tables.Start(t)
	tables.Fill(t, db)
	for _, rollup := range schema.Rollups() {
		tables.Exec(t, db, "SYSTEM REFRESH VIEW tcpledger."+rollup.Name+"_refresh;\nSYSTEM WAIT VIEW tcpledger."+rollup.Name+"_refresh")
	}
	code, out, errs := run(t, ch, "--from", "2026-11-02 00:00", "--to", "2026-11-03 00:00")
	require.Zero(t, code, errs)
	require.Contains(t, out, "\nSUMS  read from closes_1m, causes_1m, closes_1h, host_closes_1h, paths_1h, peers_1h, events_1m, losses_5m, numbers_1h; counts are exact")
	var endings uint64
	require.NoError(t, db.QueryRow(t.Context(), "SELECT count() FROM tcpledger.connections FINAL WHERE toDate(closed_at) = '2026-11-02'").Scan(&endings))
	require.Contains(t, out, fmt.Sprintf("\n%d connections ended on 2 hosts", endings))
	code, out, errs = run(t, ch, "--from", "2026-11-02 14:00", "--to", "2026-11-02 14:05")
	require.Zero(t, code, errs)
	require.NotContains(t, out, "SUMS")
}

func TestOnKnownRows(t *testing.T) {
	ch, db := tables.Start(t)
	tables.Exec(t, db, "SYSTEM STOP VIEWS") // no hour of the rows is summed up in the middle

	t.Run("empty", func(t *testing.T) {
		code, out, errs := run(t, ch, "--from", "2026-11-02 14:00", "--to", "2026-11-02 14:05")
		require.Zero(t, code, errs)
		golden(t, "empty.txt", out)
	})
	tables.Fill(t, db)

	t.Run("text", func(t *testing.T) {
		code, out, errs := run(t, ch, "--from", "2026-11-02 14:00", "--to", "2026-11-02 14:05")
		require.Zero(t, code, errs)
		golden(t, "report.txt", out)
	})
	t.Run("one host, range, top and sql", func(t *testing.T) {
		code, out, errs := run(t, ch, "--from", "2026-11-02T14:00:00Z", "--to", "2026-11-02T15:04:00+01:00", "--host", "web-1", "--remote", "10.0.0.0/24", "--top", "1", "--sql")
		require.Zero(t, code, errs)
		golden(t, "narrow.txt", out)
	})
	t.Run("json", func(t *testing.T) {
		code, out, errs := run(t, ch, "--from", "2026-11-02 14:00", "--to", "2026-11-02 14:05", "--format", "json", "--remote", "2001:db8::9")
		require.Zero(t, code, errs)
		golden(t, "report.json", out)
		require.True(t, json.Valid([]byte(out)))
	})
	for format, extension := range map[string]string{"markdown": "md", "html": "html"} {
		t.Run(format, func(t *testing.T) {
			args := []string{"--from", "2026-11-02 15:01", "--to", "2026-11-02 15:05", "--tz", "Europe/Berlin", "--against", "2026-11-02 14:59/2026-11-02 15:01", "--format", format}
			code, out, errs := run(t, ch, args...)
			require.Zero(t, code, errs)
			golden(t, "report."+extension, out)
			path := filepath.Join(t.TempDir(), "report."+extension)
			code, written, errs := run(t, ch, append(args, "--output", path)...)
			require.Zero(t, code, errs)
			require.Empty(t, written)
			file, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, out, string(file), "the same rows give the same bytes")
		})
	}
	t.Run("a bound", func(t *testing.T) {
		code, out, errs := run(t, ch, "--from", "2026-11-02 14:00", "--to", "2026-11-02 14:05", "--max-rows", "1")
		require.Equal(t, 1, code)
		require.Contains(t, out+errs, "it takes more than 1 rows: ask for a shorter window (--from, --to), one --host or one --remote")
	})
	t.Run("before the agents came", func(t *testing.T) {
		code, out, errs := run(t, ch, "--from", "2026-11-02 13:50", "--to", "2026-11-02 13:59:57")
		require.Zero(t, code, errs)
		golden(t, "before.txt", out)
	})
	t.Run("on a terminal", func(t *testing.T) {
		r, err := Collect(t.Context(), query.New(db, db.Name, time.Minute), day(query.Filter{}, 5))
		require.NoError(t, err)
		for width, said := range map[int]bool{0: false, 60: true, 80: true, 200: false} {
			var out bytes.Buffer
			require.NoError(t, r.Write(&out, report.Text, report.Layout{Width: width}))
			require.Equal(t, said, strings.Contains(out.String(), "CUT  at the terminal's"), out.String())
		}
	})
	t.Run("rows add up", func(t *testing.T) { rowsAddUp(t, db) })
	t.Run("any text is only text", func(t *testing.T) {
		ctx := t.Context()
		before, err := query.New(db, db.Name, time.Minute).Totals(ctx, day(query.Filter{}, 1).Window, query.Filter{})
		require.NoError(t, err)
		for _, text := range []string{`web-1'; DROP TABLE connections; --`, `\`, "a\tb\n", `'`, "\x00\xff", "{from:String}"} {
			evil := query.Filter{Host: text, Cause: text}
			r, err := Collect(ctx, query.New(db, db.Name, time.Minute), day(evil, 1))
			require.NoError(t, err, "%q", text)
			require.Zero(t, data[query.Totals](t, r, "totals").Endings)
		}
		after, err := query.New(db, db.Name, time.Minute).Totals(ctx, day(query.Filter{}, 1).Window, query.Filter{})
		require.NoError(t, err)
		require.Equal(t, before, after)
	})
}

// A question that fails says so where its answer would stand, and the rest of the report is there.
func TestAPartFails(t *testing.T) {
	ch, db := tables.Start(t)
	tables.Fill(t, db)
	window := []string{"--from", "2026-11-02 14:00", "--to", "2026-11-02 14:05"}
	_, whole, _ := run(t, ch, window...)

	drop := func(table string) {
		require.NoError(t, db.Exec(t.Context(), "DROP TABLE "+db.Name+"."+table+" SETTINGS check_table_dependencies = 0"))
	}
	drop("stacks")
	code, out, errs := run(t, ch, window...)
	require.Equal(t, 1, code)
	require.Regexp(t, `^tcpledger: 1 of \d+ parts of the report have no answer\n$`, errs)
	require.Regexp(t, `(?m)^BY CODE PATH  no answer: ask endings by code path: code: 60, message: .*stacks.*$`, out)
	require.Equal(t, without(whole, "BY CODE PATH"), without(out, "BY CODE PATH"), "all else is as it was")

	code, out, _ = run(t, ch, append(window, "--format", "json")...)
	require.Equal(t, 1, code)
	var report struct {
		Causes []any             `json:"by_cause"`
		Paths  []any             `json:"by_path"`
		Events []any             `json:"events"`
		Failed map[string]string `json:"failed"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Len(t, report.Causes, 5)
	require.Nil(t, report.Paths, "no answer is null")
	require.NotNil(t, report.Events, "an empty answer is []")
	require.Contains(t, report.Failed["by_path"], "code: 60")
	require.Len(t, report.Failed, 1)

	drop("checkpoints")
	drop("events")
	code, out, errs = run(t, ch, append(window, "--sql")...)
	require.Equal(t, 1, code)
	require.Regexp(t, `^tcpledger: \d+ of \d+ parts`, errs)
	require.Contains(t, out, "13 connections ended on 2 hosts")
	require.Regexp(t, `(?m)^EVENTS  no answer: ask events by kind, reason: code: 60`, out)
	require.Regexp(t, `(?m)^LOSSES  no answer: ask losses: code: 60`, out)
	require.Regexp(t, `(?m)^NOT YET KNOWN  no answer: ask names that machines share: code: 60`, out)
	require.Contains(t, out, "\n-- endings by code path\nSET param_from", "the SQL of a question that failed is shown too")

	drop("connections")
	drop("loss")
	drop("storms")
	code, out, errs = run(t, ch, window...)
	require.Equal(t, 1, code)
	require.Empty(t, out, "no report at all if nothing was answered")
	require.Contains(t, errs, "tcpledger: ask totals: code: 60")
}

// without cuts the paragraph that begins with title.
func without(report, title string) string {
	var kept []string
	for _, paragraph := range strings.Split(report, "\n\n") {
		if !strings.HasPrefix(paragraph, title) {
			kept = append(kept, paragraph)
		}
	}
	return strings.Join(kept, "\n\n")
}

func day(f query.Filter, top int) *Scope {
	from := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	return &Scope{Window: query.Window{From: from, To: from.AddDate(0, 0, 1)}, Filter: f, Top: top, Zone: time.UTC, Now: time.Now()}
}

// data is what JSON has of a section.
func data[T any](t *testing.T, r *report.Report, name string) T {
	t.Helper()
	i := slices.IndexFunc(r.Sections, func(s report.Section) bool { return s.Name == name })
	require.GreaterOrEqual(t, i, 0, name)
	require.NoError(t, r.Sections[i].Err)
	out, ok := r.Sections[i].Data.(T)
	require.True(t, ok, "%s is %T", name, r.Sections[i].Data)
	return out
}

// Every way to group holds every ending once, whatever the window is.
func rowsAddUp(t *testing.T, db *clickhouse.DB) {
	client := query.New(db, db.Name, time.Minute)
	f := query.Filter{}
	w := day(f, maxTop).Window
	totals, err := client.Totals(t.Context(), w, f)
	require.NoError(t, err)
	require.Equal(t, uint64(15), totals.Endings)
	r, err := Collect(t.Context(), client, day(f, maxTop))
	require.NoError(t, err)
	var causes, firsts, owners, remotes, paths, rates uint64
	for _, c := range data[[]Cause](t, r, "by_cause") {
		causes += c.Endings
		firsts += c.Local + c.Peer + c.Kernel + c.Unknown
	}
	for _, o := range data[[]Owner](t, r, "by_owner") {
		owners += o.Endings
	}
	for _, o := range data[[]Remote](t, r, "by_remote") {
		remotes += o.Endings
	}
	for _, p := range data[[]query.Path](t, r, "by_path") {
		paths += p.Endings
	}
	slots, err := client.Rates(t.Context(), w, f, 5)
	require.NoError(t, err)
	for _, s := range slots {
		require.Zero(t, s.Slot%5)
		rates += s.Endings
	}
	require.Equal(t, []uint64{15, 15, 15, 15, 15, 15}, []uint64{causes, firsts, owners, remotes, paths, rates})
	latest, err := client.Latest(t.Context(), w, f, 2)
	require.NoError(t, err)
	require.Equal(t, []string{"killed", "refused"}, []string{latest[0].Cause, latest[1].Cause})
}

func TestBadInput(t *testing.T) {
	nobody := clickhouse.Flags{Addr: "127.0.0.1:1"}
	for _, c := range []struct {
		code int
		err  string
		args []string
	}{
		{2, `tcpledger: --remote: "10.0.0" is neither an IP address nor a range like 10.1.0.0/16`, []string{"--remote", "10.0.0"}},
		{2, `tcpledger: invalid argument "0" for "--top" flag: must be from 1 to 1000`, []string{"--top", "0"}},
		{2, "--from: ", []string{"--from", "-5m", "--to", "-6m"}},
		{2, "unknown command", []string{"today"}},
		{2, "must be one of text, markdown, json, html", []string{"--format", "xml"}},
		{1, "tcpledger: no ClickHouse answers at --clickhouse 127.0.0.1:1, its native port: dial tcp 127.0.0.1:1: connect: connection refused", nil},
	} {
		code, out, errs := run(t, nobody, c.args...)
		require.Equal(t, c.code, code, errs)
		require.Empty(t, out)
		require.Contains(t, errs, c.err)
	}
}

// A report is final only while the tables hold each number that the checkpoints promise once.
func TestFinalTakesTheAudit(t *testing.T) {
	ch, db := tables.Start(t)
	tables.Fill(t, db)
	window := []string{"--from", "2026-11-02 14:00", "--to", "2026-11-02 14:05", "--host", "web-1"}
	_, out, _ := run(t, ch, window...)
	require.Contains(t, out, "\nFINAL  every host's checkpoints cover the window, and all 16 numbers that they promise are there\n")

	require.NoError(t, db.Exec(t.Context(), "DELETE FROM tcpledger.connections WHERE host = 'web-1' AND stream = 4 AND seq = 7"))
	_, out, _ = run(t, ch, window...)
	require.NotContains(t, out, "\nFINAL ")
	require.Contains(t, out, "\nNOT FINAL  ")
	require.Contains(t, out, "1 number is in no table, the last that were promised; stream 4, 7 to 7")
	_, out, _ = run(t, ch, append(window, "--format", "json")...)
	require.Contains(t, out, `"final": false`)
}
