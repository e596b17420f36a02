// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/test/lab"
)

// storm makes one in a lab. It returns the factor that explains it.
type storm struct {
	name  string
	what  string  // must be among what departs
	power float64 // the connections of its port last two to this power of microseconds at least otherwise
	make  func(testing.TB, *lab.Lab) (factor string)
}

func storms() []storm {
	return []storm{
		{"a backend killed under load", "refused", 10, backendKilled},
		{"a listener whose queue is full", "connect_timeout", 10, queueFull},
		{"a firewall that drops", "connect_timeout", 10, firewallDrops},
		{"keepalive expiry of many", "keepalive_timeout", 10, keepalivesExpire},
		{"a fleet of clients that time out", "late_closes", 3, clientsTimeOut},
		{"early closes as of a bad certificate", "early_closes", 22, badCertificate},
		{"a deploy that restarts everything", "process_exit", 10, everythingRestarts},
	}
}

// joined is a connection with both its ends.
type joined struct{ client, server *lab.Socket }

// couple makes n connections to the listener, each used once.
func couple(client *lab.Actor, listener *lab.Socket, n int) (out []joined) {
	for range n {
		j := joined{client: client.Dial(listener.Local)}
		j.server = listener.Accept()
		j.client.Write(100)
		j.server.Read(100)
		out = append(out, j)
	}
	return out
}

func portOf(listener *lab.Socket) string { return fmt.Sprintf("port %d", listener.Local.Port()) }

func backendKilled(t testing.TB, l *lab.Lab) string {
	listener, client := l.B.Actor(t, "server").Listen(l.B.IPv4, 64), l.A.Actor(t, "client")
	open := couple(client, listener, 50)
	listener.Actor.Kill()
	for _, j := range open {
		j.client.Read(1)
		j.client.Close()
	}
	client.StartRefusals(listener.Local, 400)
	client.FinishStorm()
	return portOf(listener)
}

// unanswered connects n times to each address and waits until the kernel gives up.
func unanswered(client *lab.Actor, n int, to ...netip.AddrPort) {
	var open []*lab.Socket
	for range n {
		for _, address := range to {
			open = append(open, client.Open(address.Addr()).StartConnect(address))
		}
	}
	for _, s := range open {
		s.Wait(time.Minute)
		s.Close()
	}
}

func queueFull(t testing.TB, l *lab.Lab) string {
	l.A.Sysctl(t, "net/ipv4/tcp_syn_retries", "1")
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 1)
	client := l.A.Actor(t, "client")
	fill := func() { client.Open(l.B.IPv4).Connect(listener.Local) }
	fill()
	fill() // the queue of a backlog of 1 holds two
	unanswered(client, 120, listener.Local)
	return portOf(listener)
}

func firewallDrops(t testing.TB, l *lab.Lab) string {
	l.A.Sysctl(t, "net/ipv4/tcp_syn_retries", "1")
	l.A.Run(t, "ip", "address", "add", "10.88.0.1/24", "dev", "wire")
	l.B.Run(t, "ip", "address", "add", "10.88.0.2/24", "dev", "wire")
	defer l.B.Drop(t, "input", "ip daddr 10.88.0.2")()
	var ports []netip.AddrPort
	for port := range uint16(20) {
		ports = append(ports, netip.AddrPortFrom(netip.MustParseAddr("10.88.0.2"), 2000+port))
	}
	for i := range 3 {
		unanswered(l.A.Actor(t, fmt.Sprintf("user-%d", i)), 2, ports...)
	}
	return "peer 10.88.0.0/24"
}

func keepalivesExpire(t testing.TB, l *lab.Lab) string {
	listener, client := l.B.Actor(t, "server").Listen(l.B.IPv4, 64), l.A.Actor(t, "client")
	open := couple(client, listener, 100)
	for _, j := range open {
		for option, value := range map[int]int{unix.TCP_KEEPIDLE: 1, unix.TCP_KEEPINTVL: 1, unix.TCP_KEEPCNT: 1} {
			j.client.Set(unix.IPPROTO_TCP, option, value)
		}
		j.client.Set(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	}
	defer l.B.Drop(t, "input", "meta l4proto tcp")()
	for _, j := range open {
		j.client.Wait(time.Minute)
		j.client.Close()
	}
	return portOf(listener)
}

// clientsTimeOut is a server that never answers, and clients that wait so long and close.
func clientsTimeOut(t testing.TB, l *lab.Lab) string {
	const patience = 300 * time.Millisecond
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 64)
	var open []joined
	for i := range 3 {
		open = append(open, couple(l.A.Actor(t, fmt.Sprintf("fleet-%d", i)), listener, 30)...)
	}
	open[len(open)-1].client.Wait(patience)
	for _, j := range open {
		j.client.Close()
		j.server.Read(1)
		j.server.Close()
	}
	return portOf(listener)
}

// badCertificate is a client that reads the certificate, sends an alert and closes.
func badCertificate(t testing.TB, l *lab.Lab) string {
	listener, client := l.B.Actor(t, "server").Listen(l.B.IPv4, 64), l.A.Actor(t, "client")
	for range 100 {
		j := couple(client, listener, 1)[0]
		j.server.Write(3000)
		j.client.Read(3000)
		j.client.Write(7)
		j.client.Close()
		j.server.Read(8)
		j.server.Close()
	}
	return portOf(listener)
}

func everythingRestarts(t testing.TB, l *lab.Lab) string {
	client := l.A.Actor(t, "client")
	var servers []*lab.Actor
	var open []joined
	for i := range 12 {
		server := l.B.Actor(t, fmt.Sprintf("svc-%d", i))
		open = append(open, couple(client, server.Listen(l.B.IPv4, 64), 20)...)
		servers = append(servers, server)
	}
	for _, server := range servers {
		server.End()
	}
	for _, j := range open {
		j.client.Read(1)
		j.client.Close()
	}
	require.Len(t, open, 240)
	return "host e2e"
}
