// SPDX-License-Identifier: Apache-2.0

// Package console is what people look at: a page that says how connections end in a window of time, what was lost, and how each
// part is. It only reads, within limits of time and rows, and works without JavaScript.
package console

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"tcpledger/console/picture"
	"tcpledger/internal/program"
	"tcpledger/query"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed static
var static embed.FS

// Options are what the console is made of. Client asks the tables, Parts are shown with their health, Zone is that
// of the times shown and typed.
type Options struct {
	Client  *query.Client
	Parts   []Part
	Zone    *time.Location
	Version string
	Log     *slog.Logger
}

type console struct {
	client  *query.Client
	watch   *watch
	zone    *time.Location
	version string
	log     *slog.Logger
	pages   *template.Template
	recent  recent
	looks   chan struct{} // one for each page whose questions are under way
}

// maxLooks is how many different pages ask the tables at a time: their answers are in memory together.
const maxLooks = 4

// Handler makes the console: the page on /, the part of it that changes on /now, /healthz and the page's own files.
func Handler(o Options) (http.Handler, error) {
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	c := &console{client: o.Client, watch: newWatch(o.Parts), zone: o.Zone, version: o.Version, log: o.Log, pages: pages, looks: make(chan struct{}, maxLooks)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { c.page(w, r, "page.html") })
	mux.HandleFunc("GET /now", func(w http.ResponseWriter, r *http.Request) { c.page(w, r, "now.html") })
	mux.HandleFunc("GET /healthz", c.healthz)
	mux.Handle("GET /static/", http.FileServerFS(static))
	mux.HandleFunc("GET /static/causes.css", serveText("text/css; charset=utf-8", picture.Palette()))
	return guarded(mux), nil
}

func parsePages() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{"clock": clock, "iso": iso}).ParseFS(templates, "templates/*.html")
}

func clock(t time.Time) string { return t.Format(time.TimeOnly) }

func iso(t time.Time) string { return t.Format(time.RFC3339Nano) }

// policy allows the page its own files only, and no other site to frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// serveText serves the same text to everybody.
func serveText(kind, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write([]byte(text)) // nobody is left to tell
	}
}

func (c *console) page(w http.ResponseWriter, r *http.Request, name string) {
	asked := parseURL(r.URL.Query())
	now := time.Now().In(c.zone)
	code := http.StatusOK
	var v *view
	if _, _, bad := asked.question(now); bad != nil {
		code = http.StatusBadRequest
		v = &view{asked: asked, Now: now, Version: c.version, Bad: bad}
	} else {
		v = c.recent.get(asked, func() *view { return c.look(context.WithoutCancel(r.Context()), asked) })
	}
	var page bytes.Buffer
	if err := c.pages.ExecuteTemplate(&page, name, v); err != nil {
		c.log.Error("render the page", "err", err)
		http.Error(w, "the page could not be rendered", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = page.WriteTo(w) // the reader went away: nobody is left to tell
}

// look asks everything that a page shows.
func (c *console) look(ctx context.Context, asked asked) *view {
	now := time.Now().In(c.zone)
	v := &view{asked: asked, Version: c.version, Now: now}
	w, filter, bad := asked.question(now)
	if bad != nil {
		v.Bad = bad
		return v
	}
	v.Window, v.Links = windowText(asked, w, c.zone), asked.links(w, now)
	v.Scope = scopeText(asked, v.Window)
	select {
	case c.looks <- struct{}{}:
		defer func() { <-c.looks }()
	case <-time.After(askTimeout):
		v.Problem = "Too many others ask for other pages now."
		return v
	}
	var a *answers
	var all sync.WaitGroup
	all.Go(func() { a = c.ask(ctx, w, filter, asked.Live()) })
	v.Parts = c.watch.look(ctx, now)
	all.Wait()
	if a.silent() {
		v.Problem = a.rates.failure()
		return v
	}
	v.fill(a, w)
	return v
}

// healthz answers 200 while ClickHouse and every other part answer, else 503 with what fails.
func (c *console) healthz(w http.ResponseWriter, r *http.Request) {
	var health program.Health
	for _, part := range c.watch.look(r.Context(), time.Now()) {
		health.Add(part.Name, func() error { return part.Err })
	}
	health.ServeHTTP(w, r)
}
