// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netns"

	"tcpledger/agent/capture"
	"tcpledger/agent/nat"
	"tcpledger/schema"
	"tcpledger/test/lab"
)

// translating is a host with a pod, A, on one side and another host, B, on the other. The agent runs on the host: the router.
type translating struct {
	*live
	l *lab.Routed
}

func newTranslating(t *testing.T) *translating {
	t.Helper()
	l := lab.NewRouted(t)
	for family, service := range map[string]string{"ip": "10.78.9.9", "ip6": "fd78:9::9"} {
		b := l.B.IPv4.String()
		if family == "ip6" {
			b = "[" + l.B.IPv6.String() + "]"
		}
		to := family + " daddr " + service + " tcp dport 80 dnat to " + b + ":8080; "
		l.Router.Run(t, "ip", "route", "add", service, "via", strings.Trim(b, "[]"))
		l.Router.Run(t, "nft", "add table "+family+" n; "+
			"add chain "+family+" n pre { type nat hook prerouting priority -100; }; add rule "+family+" n pre "+to+
			"add chain "+family+" n out { type nat hook output priority -100; }; add rule "+family+" n out "+to+
			"add chain "+family+" n post { type nat hook postrouting priority 100; }; add rule "+family+" n post oifname b tcp dport 8080-8090 masquerade")
	}
	table, err := nat.Open(prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(table.Close)
	r := runningWith(t, capture.DefaultConfig(), 0, func(c *Config) { c.NAT = table }, func(run func()) {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if err := netns.Set(l.Router.NS); err == nil {
			run()
		}
	})
	return &translating{r, l}
}

// ended waits for the row of a socket.
func (r *translating) ended(s *lab.Socket) schema.Connection {
	r.t.Helper()
	var found schema.Connection
	r.until("the row of "+s.String(), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range r.keeper.ended {
			if netip.AddrPortFrom(c.LocalIP, c.LocalPort) == s.Local && netip.AddrPortFrom(c.RemoteIP, c.RemotePort) == s.Remote {
				found = c
				return true
			}
		}
		return false
	})
	return found
}

// sees requires that the row of a socket says that the other side sees it as from, connected to to.
func (r *translating) sees(s *lab.Socket, from, to netip.AddrPort) {
	r.t.Helper()
	c := r.ended(s)
	require.Equal(r.t, schema.Translation{LocalIP: from.Addr(), LocalPort: from.Port(), RemoteIP: to.Addr(), RemotePort: to.Port()}, c.NAT, "%s %+v", s, c.Counters)
}

// The rows of a pod and of its host say what the other side sees, through a masqueraded address and a service's, and however they end.
func TestTranslatedEndings(t *testing.T) {
	r := newTranslating(t)
	for _, v6 := range []bool{false, true} {
		b, service := r.l.B.IPv4, netip.MustParseAddrPort("10.78.9.9:80")
		if v6 {
			b, service = r.l.B.IPv6, netip.MustParseAddrPort("[fd78:9::9]:80")
		}
		listener := r.l.B.Actor(t, "server").ListenShared(netip.AddrPortFrom(b, 8080), 4)
		for _, host := range []*lab.Host{r.l.A, r.l.Router} {
			for _, to := range []netip.AddrPort{listener.Local, service} {
				for _, end := range []func(client, server *lab.Socket){closes, aborts} {
					client := host.Actor(t, "client").Dial(to)
					server := listener.Accept()
					client.Write(100)
					server.Read(100)
					end(client, server)
					if client.Local == server.Remote && to == listener.Local { // the host's own address needs no masquerade
						require.False(t, func() bool { c := r.ended(client); return c.NAT.Known() }())
						continue
					}
					r.sees(client, server.Remote, server.Local)
					r.sees(server, client.Remote, client.Local)
				}
			}
		}
	}
}

// A connection that no rule matches is not translated. Connection tracking forgets at once one that is refused.
func TestUntranslatedEndings(t *testing.T) {
	r := newTranslating(t)
	refused := r.l.A.Actor(t, "client").Open(r.l.A.IPv4)
	refused.Bind(r.l.A.IPv4)
	refused = refused.StartConnect(netip.AddrPortFrom(r.l.B.IPv4, 8090))
	plain := r.l.B.Actor(t, "server").Listen(r.l.B.IPv4, 1)
	client := r.l.A.Actor(t, "client").Dial(plain.Local)
	closes(client, plain.Accept())
	for _, s := range []*lab.Socket{refused, client} {
		require.Equal(t, schema.Translation{}, r.ended(s).NAT)
	}
}

func closes(client, server *lab.Socket) {
	client.Close()
	server.Read(1)
	server.Close()
}

func aborts(client, server *lab.Socket) {
	server.Linger0()
	server.Close()
	client.Wait(time.Minute)
	client.Close()
}
