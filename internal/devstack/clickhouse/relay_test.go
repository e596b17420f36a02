// SPDX-License-Identifier: Apache-2.0

package clickhouse_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/test/wait"
)

// The engine by itself aborts on the first of these. What one did is seen by the next: the engine has to be there.
func TestClientsDoNoHarm(t *testing.T) {
	server := clickhousetest.StartAt(t, clickhousetest.Options(t))
	t.Run("while they wait", func(t *testing.T) {
		for range 5 {
			reset(t, greeted(t, server.Addr()))
		}
	})
	t.Run("after an answer that they did not read to its end", func(t *testing.T) {
		for range 5 {
			client := greeted(t, server.Addr())
			send(t, client, "SELECT 1")
			_, err := client.Read(make([]byte, 1))
			require.NoError(t, err)
			require.NoError(t, client.Close())
		}
	})
	t.Run("before they greet", func(t *testing.T) { reset(t, dial(t, server.Addr())) })
	t.Run("with garbage", func(t *testing.T) {
		for _, addr := range []string{server.Addr(), server.HTTPAddr()} {
			client := dial(t, addr)
			_, err := client.Write([]byte("\x00\x01x\x01\x01\xff\xff"))
			require.NoError(t, err)
			reset(t, client)
		}
	})
	t.Run("without the right to be there", func(t *testing.T) {
		for want, who := range map[string]driver.Auth{
			"bob: Authentication failed":      {Username: "bob"},
			"default: Authentication failed":  {Username: "default", Password: "guess"},
			"Database nowhere does not exist": {Username: "default", Database: "nowhere"},
		} {
			conn, err := driver.Open(&driver.Options{Addr: []string{server.Addr()}, Auth: who})
			require.NoError(t, err)
			require.ErrorContains(t, conn.Ping(t.Context()), want)
			require.NoError(t, conn.Close())
		}
		conn, err := driver.Open(&driver.Options{Addr: []string{server.Addr()}, Auth: driver.Auth{Username: "default", Database: "system"}})
		require.NoError(t, err)
		require.Equal(t, "system", query(t, conn, "SELECT currentDatabase()"))
		require.NoError(t, conn.Close())
	})
	t.Run("in an answer", func(t *testing.T) {
		client := greeted(t, server.Addr())
		send(t, client, endless)
		_, err := client.Read(make([]byte, 1))
		require.NoError(t, err)
		reset(t, client)
	})
	t.Run("in an answer over HTTP", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+server.HTTPAddr()+"/?query=SELECT+number+FROM+system.numbers", http.NoBody)
		require.NoError(t, err)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_, err = response.Body.Read(make([]byte, 1))
		require.NoError(t, err)
		cancel()
		require.NoError(t, response.Body.Close())
	})

	conn := connect(t, server.Addr())
	require.Eventually(t, func() bool {
		return query(t, conn, "SELECT toString(count()) FROM system.processes WHERE query LIKE 'SELECT number FROM %'") == "0"
	}, wait.Long, 50*time.Millisecond, "a query goes on without its client")
	select {
	case <-server.Done():
		require.NoError(t, server.Err())
	default:
	}
}

const (
	endless  = "SELECT number FROM system.numbers"
	protocol = 54429
)

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp4", addr)
	require.NoError(t, err)
	tcp, ok := conn.(*net.TCPConn)
	require.True(t, ok)
	t.Cleanup(func() { _ = tcp.Close() }) // most are closed by then
	return tcp
}

// greeted has shaken hands and waits.
func greeted(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	client := dial(t, addr)
	var b proto.Buffer
	proto.ClientHello{Name: "test", ProtocolVersion: protocol, User: "default"}.Encode(&b)
	_, err := client.Write(b.Buf)
	require.NoError(t, err)
	reader := proto.NewReader(bufio.NewReaderSize(client, 1))
	code, err := reader.UVarInt()
	require.NoError(t, err)
	require.Equal(t, uint64(proto.ServerCodeHello), code)
	var hello proto.ServerHello
	require.NoError(t, hello.DecodeAware(reader, protocol))
	return client
}

// send sends a query and the empty block behind it.
func send(t *testing.T, client *net.TCPConn, sql string) {
	t.Helper()
	var b proto.Buffer
	proto.Query{Body: sql, Stage: proto.StageComplete, Info: proto.ClientInfo{ProtocolVersion: protocol, Query: proto.ClientQueryInitial,
		Interface: proto.InterfaceTCP, InitialAddress: "0.0.0.0:0"}}.EncodeAware(&b, protocol)
	proto.ClientCodeData.Encode(&b)
	proto.ClientData{}.EncodeAware(&b, protocol)
	require.NoError(t, proto.Block{}.EncodeBlock(&b, protocol, nil))
	_, err := client.Write(b.Buf)
	require.NoError(t, err)
}

func reset(t *testing.T, client *net.TCPConn) {
	t.Helper()
	require.NoError(t, client.SetLinger(0))
	require.NoError(t, client.Close())
}
