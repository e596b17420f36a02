// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// LocalOnly answers 403 to what a web page of another site can make a browser of this machine send, and passes the rest on:
//
//   - the Host must be loopback (127.0.0.0/8, ::1, localhost) or stand in allowed; a foreign name that resolves to
//     127.0.0.1 (DNS rebinding) is neither. HTTP/1.0 without a Host passes: no browser sends that.
//   - an Origin must be the Host's own.
//   - Sec-Fetch-Site must be none or same-origin. A link from another site may open a page of an allowed host, never one
//     of loopback.
//
// Allowed hosts are names or addresses without a port.
func LocalOnly(next http.Handler, allowed ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if reason := foreign(r, allowed); reason != "" {
			http.Error(w, reason, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign says why a request does not come from this machine's own programs or pages; "" if it does.
func foreign(r *http.Request, allowed []string) string {
	host := hostName(r.Host)
	named := slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, host) })
	if host != "" && !named && !isLoopback(host) {
		return fmt.Sprintf("Host %q is not served here: use 127.0.0.1, or name the host in --allowed-hosts", host)
	}
	for _, origin := range r.Header.Values("Origin") {
		if from, err := url.Parse(origin); err != nil || !strings.EqualFold(from.Host, r.Host) {
			return fmt.Sprintf("a page of %s may not ask here", origin)
		}
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case site == "", site == "none", site == "same-origin":
		return ""
	case named && r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document":
		return ""
	default:
		return "a page of another site may not ask here"
	}
}

// hostName is a Host header's name or address: without the port, the brackets and the last dot.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.Trim(host, "[]"), ".")
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// SamePeer answers 403 to every machine but this one (in a container: but the container itself), whatever address is
// listened on.
func SamePeer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !peer.Addr().Unmap().IsLoopback() {
			http.Error(w, "answers only over loopback: ask on the host itself", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
