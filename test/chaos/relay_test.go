// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/test/lab"
)

const relayPort = 9000

// relay passes connections to a host's port on to an address of the test's own network, and gives the port's address.
func relay(t testing.TB, h *lab.Host, to string) string {
	t.Helper()
	addr := netip.AddrPortFrom(h.IPv4, relayPort).String()
	var listener net.Listener
	var err error
	h.In(t, func() { listener, err = net.Listen("tcp", addr) })
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go pass(client, to)
		}
	}()
	return addr
}

// pass copies both ways until either side ends.
func pass(client net.Conn, to string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			ended <- struct{}{}
		}()
	}
	<-ended
}
