// SPDX-License-Identifier: Apache-2.0

// Package front stands between the clients and the engine. `clickhouse local` is no server for others: it ends over a client that
// resets a connection while it waits for the next query (the kernel does that for a client that is killed, or cancels with an
// answer unread), and over a wrong user, password or database; and it answers every web page. Behind the front it sees
// nothing worse than the end of a stream, and no browser of another site.
package front

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"tcpledger/internal/program"
)

// Loopback addresses for nothing else: the engine listens on EngineHost, and the front connects to it from Host.
const (
	EngineHost = "127.0.0.2"
	Host       = "127.0.0.3"
)

// maxHeaderTime bounds how long a client may take for the head of an HTTP request.
const maxHeaderTime = 10 * time.Second

// Front passes connections on to the engine at Native and HTTP, host:port each.
type Front struct {
	Native, HTTP string
}

// dial connects to the engine, which hears nobody but Host (Close).
func dial(ctx context.Context, addr string) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(Host)}}
	return dialer.DialContext(ctx, "tcp4", addr)
}

// ServeHTTP answers on the listener until it is closed. Web pages of other sites are refused, as on our own pages.
func (f Front) ServeHTTP(listener net.Listener) error {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: f.HTTP})
			r.Out.Host = r.In.Host
		},
		FlushInterval: -1,
		// An idle connection would hold up the engine's end.
		Transport: &http.Transport{DialContext: dialHTTP, DisableKeepAlives: true, DisableCompression: true},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "the engine does not answer: "+err.Error(), http.StatusBadGateway)
		},
	}
	server := &http.Server{Handler: program.LocalOnly(bothWays(proxy)), ReadHeaderTimeout: maxHeaderTime}
	return server.Serve(listener)
}

// bothWays lets an answer begin before the request has come to its end. Else the server closes the request's body then, and the
// proxy takes that for a failure of the request and cuts the answer.
func bothWays(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex() // every writer of this server can
		next.ServeHTTP(w, r)
	})
}

func dialHTTP(ctx context.Context, _, addr string) (net.Conn, error) { return dial(ctx, addr) }
