// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	if RunIfActor() {
		return
	}
	m.Run()
}

func TestActorsTalk(t *testing.T) {
	l := New(t)
	require.NotEqual(t, l.A.Inode(t), l.B.Inode(t))
	require.NotEqual(t, l.A.Cookie(t), l.B.Cookie(t))
	for _, ip := range []netip.Addr{l.B.IPv4, l.B.IPv6} {
		listener := l.B.Actor(t, "server").Listen(ip, 4)
		client := l.A.Actor(t, "client").Dial(listener.Local)
		server := listener.Accept()
		require.Equal(t, client.Local, server.Remote)
		client.Write(10)
		require.Equal(t, 10, server.Read(10))
		client.Actor.Kill()
		require.Zero(t, server.Read(1))
	}
}

func TestRulesAndSettings(t *testing.T) {
	l := New(t)
	stop := l.B.Reject(t, "input", "tcp dport 9", "icmp type port-unreachable")
	s := l.A.Actor(t, "client").Open(l.B.IPv4).Connect(netip.AddrPortFrom(l.B.IPv4, 9))
	require.Equal(t, syscall.ECONNREFUSED, s.Errno)
	stop()
	require.NotContains(t, l.B.Run(t, "nft", "list ruleset"), "reject")
	l.A.Sysctl(t, "net/ipv4/tcp_fin_timeout", "7")
	require.Equal(t, "7\n", l.A.Run(t, "cat", "/proc/sys/net/ipv4/tcp_fin_timeout"))
}

func TestAwaits(t *testing.T) {
	l := New(t)
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 4)
	listener.AwaitQueue(0)
	client := l.A.Actor(t, "client").Dial(listener.Local)
	listener.AwaitQueue(1)
	server := listener.Accept()
	client.Await("established")
	client.Close()
	server.Await("close-wait")
	client.Await("fin-wait-2")
	server.Close()
	server.AwaitGone()
	client.Await("time-wait")
}

// Foreign load stands in no namespace of a lab.
func TestForeignLoad(t *testing.T) {
	l := New(t)
	f := StartForeignLoad(t, 1)
	require.Eventually(t, func() bool { return f.Connections(t) > 1_000 }, kernelTimeout, time.Millisecond)
	f.Stop()
	ended := f.Connections(t)
	require.Zero(t, l.A.Counters(t)["TcpActiveOpens"]+l.B.Counters(t)["TcpActiveOpens"])
	require.Equal(t, ended, f.Connections(t))
}
