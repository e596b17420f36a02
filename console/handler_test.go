// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/console/picture"
	"tcpledger/query"
	"tcpledger/schema"
)

// noClickHouse makes a console whose ClickHouse is away. What it shows of one that answers is tested with the real engine,
// with the command.
func noClickHouse(t *testing.T, parts ...Part) http.Handler {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{"127.0.0.1:1"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	h, err := Handler(Options{Client: query.New(conn, schema.Database, time.Second), Parts: append([]Part{ClickHouse(conn)}, parts...),
		Zone: time.UTC, Version: "v1", Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return h
}

func get200(t *testing.T, h http.Handler, path string, code int) (string, http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	require.Equal(t, code, w.Code, w.Body.String())
	return w.Body.String(), w.Header()
}

func TestWithoutClickHouse(t *testing.T) {
	h := noClickHouse(t, Part{"Agent", func(context.Context) (string, error) { return "", nil }})
	page, header := get200(t, h, "/", http.StatusOK)
	require.Regexp(t, regexp.MustCompile(`<b>ClickHouse does not answer since \d\d:\d\d:\d\d\.</b> dial tcp 127.0.0.1:1`), page)
	require.Contains(t, page, "The tables gave no answer at ")
	require.Contains(t, page, `<span class="part up"><i></i>Agent <small>ok</small></span>`)
	require.NotContains(t, page, "Latest endings")
	require.NotContains(t, page, "0 hosts", "nobody knows how many there are")
	require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'")
	now, _ := get200(t, h, "/now", http.StatusOK)
	require.NotContains(t, now, "<html")

	health, _ := get200(t, h, "/healthz", http.StatusServiceUnavailable)
	require.Contains(t, health, `"Agent":"ok"`)
	require.Contains(t, health, `"ClickHouse":"dial tcp 127.0.0.1:1: connect: connection refused"`)
}

func TestPaths(t *testing.T) {
	h := noClickHouse(t)
	for _, path := range []string{"/static/style.css", "/static/now.js", "/static/icon.svg"} {
		body, _ := get200(t, h, path, http.StatusOK)
		require.NotEmpty(t, body)
	}
	get200(t, h, "/other", http.StatusNotFound)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	page, _ := get200(t, h, "/?remote=10.0.0&host="+url.QueryEscape(`"><script>alert(1)</script>`), http.StatusBadRequest)
	require.Contains(t, page, "is neither an IP address nor a range")
	require.NotContains(t, page, "<script>alert")
	page, _ = get200(t, h, "/?from=yesterday", http.StatusBadRequest)
	require.Contains(t, page, `This time cannot be shown.</b> from: &#34;yesterday&#34; is no time: want`)
	page, _ = get200(t, h, "/?from=-5m&to=-10m", http.StatusBadRequest)
	require.Contains(t, page, "is not before the end of the window")
}

// The policy allows no style and no script in the page itself, and nothing from elsewhere.
func TestPageHoldsToItsPolicy(t *testing.T) {
	for _, name := range []string{"templates/page.html", "templates/now.html"} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NotRegexp(t, regexp.MustCompile(`\sstyle=|<style|\son[a-z]+=|<script>|(src|href)="(https?:)?//`), string(text))
	}
}

func known(t *testing.T, edit func(*answers)) *view {
	t.Helper()
	now := time.Date(2026, 11, 2, 14, 15, 7, 0, time.UTC)
	v := &view{Version: "v1", Now: now, asked: asked{Host: "web-1"}}
	w, _, bad := v.question(now)
	require.Nil(t, bad)
	v.Window, v.Links = windowText(v.asked, w, time.UTC), v.links(w, now)
	v.Scope = scopeText(v.asked, v.Window)
	drawn := settled(w, true)
	us := uint64(1500)
	watched := func(until time.Duration) [][]time.Time { return [][]time.Time{{now.Add(-time.Hour), now.Add(-until)}} }
	a := &answers{
		slot:  picture.SlotOf(drawn),
		rates: answer[query.Rate]{rows: []query.Rate{{Slot: drawn.To.Unix() - 10, Cause: "peer_reset", Endings: 30}, {Slot: drawn.From.Unix(), Cause: "refused", Endings: 2}}},
		causes: answer[query.Group]{rows: []query.Group{{Key: []string{"peer_reset"}, Counts: query.Counts{Endings: 30, ResetsReceived: 30}},
			{Key: []string{"refused"}, Counts: query.Counts{Endings: 10}}}},
		latest: answer[query.Ending]{rows: []query.Ending{{ClosedAt: now, Host: "web-1", Role: "client", Cause: "peer_reset", Reset: "received", Error: "ECONNRESET",
			Comm: `<b>x`, PID: 4, DurationUS: &us}}},
		events: answer[query.EventGroup]{rows: []query.EventGroup{{Key: []string{"drop", "<i>NO_SOCKET"}, Events: 3, Records: 10, Hosts: 1}}},
		losses: answer[query.Loss]{rows: []query.Loss{{Host: "web-1", Kind: "numbered", Cause: "ring_full", Records: 5}, {Host: "web-1", Kind: "unnumbered", Cause: "own_connection", Records: 9}}},
		coverage: answer[query.Coverage]{rows: []query.Coverage{{Host: "gone", Last: now.Add(-26 * time.Hour)}, {Host: "web-1", Last: now.Add(-silence), Sessions: watched(silence)},
			{Host: "old", Last: now.Add(-time.Minute), Phase: "end", Sessions: watched(time.Minute)}}},
	}
	if edit != nil {
		edit(a)
	}
	v.fill(a, w)
	return v
}

func render(t *testing.T, v *view) string {
	t.Helper()
	pages, err := parsePages()
	require.NoError(t, err)
	var page bytes.Buffer
	require.NoError(t, pages.ExecuteTemplate(&page, "page.html", v))
	return page.String()
}

func TestShownView(t *testing.T) {
	v := known(t, nil)
	require.Equal(t, []tile{{"endings / s", "0.5", "last minute", ""}, {"endings", "40", "last 15 minutes", ""}, {"with a reset", "30", "75.0 %", "warn"},
		{"failed connects", "10", "25.0 %", "warn"}, {"records lost", "5", "last 15 minutes", "bad"}}, v.Tiles)
	page := render(t, v)
	for _, want := range []string{"&lt;b&gt;x [4]", "1.5 ms", "ECONNRESET, reset received", `href="?cause=peer_reset&amp;host=web-1"`, "captured and lost",
		"<b>gone</b> is not known after 2026-11-01 12:15:07, its last checkpoint", "<b>old</b> ended its agent at 14:14:07", "3 hosts",
		`<td>drop<td class="n">3<td class="n">7<td class="n">1<td>&lt;i&gt;NO_SOCKET`, "data-live"} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "<b>web-1</b>")
	require.NotContains(t, page, "no answer")
}

// A window of the past names the hosts that were not watched in it, and what nobody vouches for.
func TestPastWindow(t *testing.T) {
	now := time.Date(2026, 11, 2, 14, 15, 7, 0, time.UTC)
	at := func(minute int) time.Time { return time.Date(2026, 11, 2, 13, minute, 0, 0, time.UTC) }
	v := &view{Now: now, asked: asked{From: "13:00", To: "13:30", Cause: "refused"}}
	w, _, bad := v.question(now)
	require.Nil(t, bad)
	v.Window = windowText(v.asked, w, time.UTC)
	v.Scope = scopeText(v.asked, v.Window)
	sessions := [][]time.Time{{at(0), at(1)}}
	for minute := 3; minute < 30; minute += 4 {
		sessions = append(sessions, []time.Time{at(minute), at(minute + 1)})
	}
	a := &answers{slot: picture.SlotOf(w), coverage: answer[query.Coverage]{rows: []query.Coverage{{Host: "new", Last: time.Unix(0, 0).UTC()}, {Host: "web-1", Last: at(59), Sessions: sessions}}}}
	v.fill(a, w)
	page := render(t, v)
	for _, want := range []string{"2026-11-02 13:00:00 to 13:30:00 UTC", "<b>web-1</b> was not watched from 13:01:00 to 13:03:00", "and 3 more times that were not watched",
		"<b>new</b> has no checkpoint near this window", "does not change", "in this window, of every connection", "<small>on average</small>"} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "data-live")
	require.NotContains(t, page, `http-equiv="refresh"`)
}

// A question that fails says so where its answer would stand, and the rest of the page is there.
func TestAPartFails(t *testing.T) {
	broken := errors.New("code: 60, <Unknown table>")
	for name, c := range map[string]struct {
		fail         func(*answers)
		says, leaves string
	}{
		"chart":    {func(a *answers) { a.rates.err = broken }, "no answer: code: 60, &lt;Unknown table&gt;", "<b>40</b><span>endings</span>"},
		"tiles":    {func(a *answers) { a.causes.err = broken }, "<b>?</b><span>failed connects</span><small>no answer</small>", "<b>0.5</b><span>endings / s</span>"},
		"latest":   {func(a *answers) { a.latest.err = broken }, "no answer: code: 60", "ring_full"},
		"events":   {func(a *answers) { a.events.err = broken }, "no answer: code: 60", "ring_full"},
		"losses":   {func(a *answers) { a.losses.err = broken }, "<b>?</b><span>records lost</span><small>no answer</small>", "ECONNRESET"},
		"coverage": {func(a *answers) { a.coverage.rows, a.coverage.err = nil, broken }, "how far each host is known: no answer: code: 60", "ECONNRESET"},
		"in time":  {func(a *answers) { a.latest.err = context.DeadlineExceeded }, "no answer: ClickHouse did not answer within 5s", "ring_full"},
	} {
		page := render(t, known(t, c.fail))
		require.Contains(t, page, c.says, name)
		require.Contains(t, page, c.leaves, name)
		require.NotContains(t, page, "The tables gave no answer", name)
	}
	require.NotContains(t, render(t, known(t, func(a *answers) { a.coverage.rows, a.coverage.err = nil, broken })), "0 hosts", "nobody knows how many there are")
}

// Many who ask the same at once are one question.
func TestRecent(t *testing.T) {
	var r recent
	var looks atomic.Int32
	look := func() *view { looks.Add(1); return &view{} }
	v := r.get(asked{Host: "a"}, look)
	require.Same(t, v, r.get(asked{Host: "a"}, look))
	require.NotSame(t, v, r.get(asked{Host: "b"}, look))
	require.EqualValues(t, 2, looks.Load())
	for i := range 10 * maxKept {
		r.get(asked{Host: strings.Repeat("x", i)}, look)
		require.LessOrEqual(t, len(r.views), maxKept)
	}
	r.views[asked{Host: "b"}] = &kept{v, time.Now().Add(-keep)}
	require.NotSame(t, v, r.get(asked{Host: "b"}, look))
}
