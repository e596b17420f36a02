// SPDX-License-Identifier: Apache-2.0

package program

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/pflag"
)

const (
	httpShutdownTimeout = 5 * time.Second
	httpMaxHeaderBytes  = 64 << 10
)

// httpTimeouts bound how long one client may hold a connection.
type httpTimeouts struct {
	header time.Duration // from the first byte of a request to the end of its header
	read   time.Duration // to the end of its body
	write  time.Duration // from the header to the end of the answer; a CPU profile takes 30 s
	idle   time.Duration // between two requests
}

var defaultHTTPTimeouts = httpTimeouts{header: 5 * time.Second, read: 10 * time.Second, write: time.Minute, idle: 2 * time.Minute}

// HTTPFlags are --listen, --allowed-hosts and --pprof.
type HTTPFlags struct {
	Listen       string   // host:port; "" serves nothing
	AllowedHosts []string // as LocalOnly takes them
	Pprof        bool
}

// Register declares the flags; listen is the default address.
func (f *HTTPFlags) Register(flags *pflag.FlagSet, listen string) {
	flags.StringVar(&f.Listen, "listen", listen, "`host:port` of /metrics and /healthz; empty for none")
	RegisterAllowedHosts(flags, &f.AllowedHosts)
	flags.BoolVar(&f.Pprof, "pprof", false, "serve /debug/pprof/ on --listen too")
}

// RegisterAllowedHosts declares --allowed-hosts for a program that declares its own --listen.
func RegisterAllowedHosts(flags *pflag.FlagSet, hosts *[]string) {
	flags.StringSliceVar(hosts, "allowed-hosts", nil,
		"answer requests for these `host` names too; if --listen is no loopback address, for no others; repeatable")
}

// HTTP describes a program's metrics and health server. GET /metrics, /healthz (Health), /debug/pprof/ if Pprof, and
// Handlers by http.ServeMux pattern. All of it stands behind LocalOnly if Addr is loopback or AllowedHosts are named: on
// another address anybody may ask, since Prometheus asks by whatever name it knows.
type HTTP struct {
	Addr         string // host:port, port 0 for a free one; "" serves nothing
	Flag         string // the flag Addr came from, for the error message; "listen" if empty
	AllowedHosts []string
	Registry     *prometheus.Registry
	Health       *Health
	Pprof        bool
	Handlers     map[string]http.Handler

	timeouts httpTimeouts // the defaults if zero
}

// HTTPServer is a server that has its port and answers once Run is called.
type HTTPServer struct {
	listener net.Listener // nil if nothing is served
	server   *http.Server
}

// Listen takes the port, so that one in use is an error before anything starts: it names the address and the flag. The
// caller calls Run or Close.
func (h HTTP) Listen() (*HTTPServer, error) {
	if h.Addr == "" {
		return &HTTPServer{}, nil
	}
	listener, err := net.Listen("tcp", h.Addr)
	if err != nil {
		flag := h.Flag
		if flag == "" {
			flag = "listen"
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, UsageError(fmt.Errorf("address %s is in use: stop what listens there or choose another with --%s", h.Addr, flag))
		}
		return nil, UsageError(fmt.Errorf("--%s %s: %w", flag, h.Addr, err))
	}
	return &HTTPServer{listener: listener, server: h.server(listener.Addr())}, nil
}

// server makes the server for the address that was taken.
func (h HTTP) server(addr net.Addr) *http.Server {
	var handler http.Handler = h.mux()
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsLoopback() || len(h.AllowedHosts) > 0 {
		handler = LocalOnly(handler, h.AllowedHosts...)
	}
	limits := h.timeouts
	if limits == (httpTimeouts{}) {
		limits = defaultHTTPTimeouts
	}
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: limits.header,
		ReadTimeout:       limits.read,
		WriteTimeout:      limits.write,
		IdleTimeout:       limits.idle,
		MaxHeaderBytes:    httpMaxHeaderBytes,
	}
}

func (h HTTP) mux() *http.ServeMux {
	mux := http.NewServeMux()
	if h.Registry != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(h.Registry, promhttp.HandlerOpts{Registry: h.Registry}))
	}
	if h.Health != nil {
		mux.Handle("GET /healthz", h.Health)
	}
	if h.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	for pattern, handler := range h.Handlers {
		mux.Handle(pattern, handler)
	}
	return mux
}

// Addr is the address that is listened on, with the port the kernel chose; "" if nothing is served.
func (s *HTTPServer) Addr() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Run serves until ctx ends, then lets open requests finish for a few seconds. It returns nil after a shutdown and closes
// the listener in any case.
func (s *HTTPServer) Run(ctx context.Context) error {
	if s.listener == nil {
		<-ctx.Done()
		return nil
	}
	down := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpShutdownTimeout)
		defer cancel()
		down <- s.server.Shutdown(grace)
	})
	err := s.server.Serve(s.listener)
	if stop() {
		return fmt.Errorf("serve %s: %w", s.Addr(), err)
	}
	if err := <-down; err != nil {
		return errors.Join(fmt.Errorf("shut down %s: %w", s.Addr(), err), s.server.Close())
	}
	return nil
}

// Close gives the port back when Run was never called.
func (s *HTTPServer) Close() error {
	if s.listener == nil {
		return nil
	}
	return s.listener.Close()
}
