// SPDX-License-Identifier: Apache-2.0

package program

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/test/wait"
)

// A client that sends or asks nothing more loses its connection; it cannot hold one for ever.
func TestSilentClientsAreLetGo(t *testing.T) {
	for name, sent := range map[string]string{
		"before the header ends": "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n",
		"before the body ends":   "POST /body HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n",
		"after the answer":       "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			const soon = 50 * time.Millisecond
			read := func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
			server, err := HTTP{Addr: "127.0.0.1:0", Health: &Health{}, Handlers: map[string]http.Handler{"POST /body": http.HandlerFunc(read)},
				timeouts: httpTimeouts{header: soon, read: soon, write: soon, idle: soon}}.Listen()
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- server.Run(ctx) }()
			defer func() {
				cancel()
				require.NoError(t, <-ended)
			}()

			client, err := net.Dial("tcp", server.Addr())
			require.NoError(t, err)
			defer func() { require.NoError(t, client.Close()) }()
			_, err = io.WriteString(client, sent)
			require.NoError(t, err)
			require.NoError(t, client.SetReadDeadline(time.Now().Add(wait.Long)))
			_, err = io.Copy(io.Discard, bufio.NewReader(client))
			require.NoError(t, err, "the server ends the connection, not this deadline")
		})
	}
}

func TestEveryServerHasItsTimeouts(t *testing.T) {
	server := HTTP{}.server(&net.TCPAddr{})
	for name, d := range map[string]time.Duration{"header": server.ReadHeaderTimeout, "read": server.ReadTimeout, "write": server.WriteTimeout, "idle": server.IdleTimeout} {
		require.Positive(t, d, name)
	}
	require.Greater(t, server.WriteTimeout, 30*time.Second, "a CPU profile takes as long")
}
