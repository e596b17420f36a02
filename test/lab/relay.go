// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// Relay passes connections to an address of the host on to an address of the test's own network, until the test ends.
func (h *Host) Relay(t testing.TB, at, to string) {
	t.Helper()
	var listener net.Listener
	var err error
	h.In(t, func() { listener, err = net.Listen("tcp", at) })
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go passOn(client, to)
		}
	}()
}

// passOn copies both ways until either side ends.
func passOn(client net.Conn, to string) {
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
