// SPDX-License-Identifier: Apache-2.0

package front

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An answer that begins before the request has come to its end is whole: ClickHouse may answer while the last bytes of a statement are on
// their way.
func TestAnAnswerBeforeTheEndOfTheRequest(t *testing.T) {
	const first, second = "a row before the end\n", "a row after it\n"
	engine, err := net.Listen("tcp4", EngineHost+":0")
	require.NoError(t, err)
	behind := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		_, _ = io.WriteString(w, first)
		_ = control.Flush()
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, second)
	})}
	go func() { _ = behind.Serve(engine) }()
	t.Cleanup(func() { require.NoError(t, behind.Close()) })
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	go func() { _ = Front{HTTP: engine.Addr().String()}.ServeHTTP(listener) }()

	client, err := net.Dial("tcp4", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	require.NoError(t, client.SetDeadline(time.Now().Add(time.Minute)))
	_, err = fmt.Fprintf(client, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nSELECT")
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(client), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	begun := make([]byte, len(first))
	_, err = io.ReadFull(answer.Body, begun)
	require.NoError(t, err, "the answer does not wait for the request")
	_, err = io.WriteString(client, " 1")
	require.NoError(t, err)
	rest, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, first+second, string(begun)+string(rest))
}
