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
	h, err := Handler(Options{Ledger: query.New(conn, schema.Database, time.Second), Parts: append([]Part{ClickHouse(conn)}, parts...),
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
}

// The policy allows no style and no script in the page itself, and nothing from elsewhere.
func TestPageHoldsToItsPolicy(t *testing.T) {
	for _, name := range []string{"templates/page.html", "templates/now.html"} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NotRegexp(t, regexp.MustCompile(`\sstyle=|<style|\son[a-z]+=|<script>|(src|href)="(https?:)?//`), string(text))
	}
}

// Every cause has a colour; a name that is none does not get into a class.
func TestEveryCauseHasAColour(t *testing.T) {
	css, err := os.ReadFile("static/style.css")
	require.NoError(t, err)
	for _, cause := range known {
		require.Regexp(t, regexp.MustCompile(`\.c-`+string(cause)+`[ ,]`), string(css))
		require.Equal(t, "c-"+string(cause), class(string(cause)))
	}
	require.Equal(t, "c-other", class(`x" onload="`))
}

func TestShownView(t *testing.T) {
	now := time.Date(2026, 11, 2, 14, 15, 7, 0, time.UTC)
	v := &view{Version: "v1", Now: now, Window: "last 15 minutes", narrowed: narrowed{Host: "web-1"}}
	f := window(query.Filter{}, now)
	us := uint64(1500)
	v.fill(&answers{
		rates:  []query.Rate{{Slot: f.To.Unix() - 10, Cause: "peer_reset", Endings: 30}, {Slot: f.From.Unix(), Cause: "refused", Endings: 2}},
		causes: []query.ByCause{{Cause: "peer_reset", Group: query.Group{Endings: 30, ResetsReceived: 30}}, {Cause: "refused", Group: query.Group{Endings: 10}}},
		latest: []query.Ending{{ClosedAt: now, Host: "web-1", Role: "client", Cause: "peer_reset", Reset: "received", Error: "ECONNRESET", Comm: `<b>x`, PID: 4, DurationUS: &us}},
		losses: []query.Loss{{Host: "web-1", Kind: "numbered", Cause: "ring_full", Records: 5}, {Host: "web-1", Kind: "unnumbered", Cause: "own_connection", Records: 9}},
		known:  []query.Known{{Host: "gone", Last: now.Add(-26 * time.Hour)}, {Host: "web-1", Last: now.Add(-silence)}, {Host: "old", Last: now.Add(-time.Minute), Phase: "end"}},
	}, f)
	require.Equal(t, []tile{{"endings / s", "0.5", "last minute", ""}, {"endings", "40", "last 15 minutes", ""}, {"with a reset", "30", "75.0 %", "warn"},
		{"failed connects", "10", "25.0 %", "warn"}, {"records lost", "5", "last 15 minutes", "bad"}}, v.Tiles)
	pages, err := parsePages()
	require.NoError(t, err)
	var page bytes.Buffer
	require.NoError(t, pages.ExecuteTemplate(&page, "page.html", v))
	for _, want := range []string{"&lt;b&gt;x [4]", "1.5 ms", "ECONNRESET, reset received", `href="?cause=peer_reset&amp;host=web-1"`, "captured and lost",
		"<b>gone</b> is not known after 2026-11-01 12:15:07, its last checkpoint", "<b>old</b> ended its agent at 14:14:07", "3 hosts"} {
		require.Contains(t, page.String(), want)
	}
	require.NotContains(t, page.String(), "<b>web-1</b>")
}

// Many who ask the same at once are one question.
func TestRecent(t *testing.T) {
	var r recent
	var looks atomic.Int32
	look := func() *view { looks.Add(1); return &view{} }
	v := r.get(narrowed{Host: "a"}, look)
	require.Same(t, v, r.get(narrowed{Host: "a"}, look))
	require.NotSame(t, v, r.get(narrowed{Host: "b"}, look))
	require.EqualValues(t, 2, looks.Load())
	for i := range 10 * mostKept {
		r.get(narrowed{Host: strings.Repeat("x", i)}, look)
		require.LessOrEqual(t, len(r.views), mostKept)
	}
	r.views[narrowed{Host: "b"}] = &kept{v, time.Now().Add(-keep)}
	require.NotSame(t, v, r.get(narrowed{Host: "b"}, look))
}

func TestNarrowed(t *testing.T) {
	n, f, err := parseQuery(url.Values{"cause": {"peer_reset"}, "host": {strings.Repeat("x", 1000)}, "remote": {"10.0.0.0/8"}})
	require.NoError(t, err)
	require.Len(t, f.Host, mostValue)
	require.True(t, f.Remote.IsValid())
	require.True(t, n.Any())
	require.Equal(t, "?host=web-1", narrowed{Host: "web-1", Cause: "x"}.With("cause", ""))
	require.Equal(t, ".", narrowed{Host: "web-1"}.With("host", ""))
	require.Equal(t, "?remote=%3A%3A1", narrowed{}.With("remote", "::1"))
}

func TestExplain(t *testing.T) {
	require.Equal(t, "ClickHouse did not answer within 5s", explain(context.DeadlineExceeded))
	require.Equal(t, "x", explain(errors.New("x")))
}
