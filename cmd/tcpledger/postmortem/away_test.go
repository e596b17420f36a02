// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/test/tables"
)

// leaving stands between a client and a server until a client sends text: then it closes that connection and takes no other.
type leaving struct {
	listener net.Listener
	server   string
	text     []byte
	all      sync.WaitGroup
}

func (l *leaving) serve() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", l.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		l.all.Go(func() { l.pass(client, server) })
		l.all.Go(func() {
			_, _ = io.Copy(client, server)
			_ = client.Close()
		})
	}
}

// pass passes on what the client sends.
func (l *leaving) pass(client, server net.Conn) {
	defer func() { _ = errors.Join(client.Close(), server.Close()) }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if bytes.Contains(buffer[:n], l.text) {
			_ = l.listener.Close()
			return
		}
		if _, werr := server.Write(buffer[:n]); err != nil || werr != nil {
			return
		}
	}
}

// A server that goes away in the middle leaves a report of what was answered, which says what was not.
func TestClickHouseGoesAwayInTheMiddle(t *testing.T) {
	ch, db := tables.Start(t)
	tables.Fill(t, db)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &leaving{listener: listener, server: ch.Addr, text: []byte("kind = 'drop' AND conn != 0")}
	l.all.Go(l.serve)
	ch.Addr = listener.Addr().String()
	code, out, errs := run(t, ch, "--from", "2026-11-02 14:00", "--to", "2026-11-02 14:05")
	_ = listener.Close()
	require.Equal(t, 1, code)
	require.Regexp(t, `(?m)^BEFORE THE END  no answer: ask before the end: `, out)
	require.Regexp(t, `^tcpledger: \d+ of \d+ parts of the report have no answer\n$`, errs)
	require.True(t, strings.HasPrefix(out, "2026-11-02 14:00:00 to 14:05:00 UTC\n"))
	l.all.Wait()
}
