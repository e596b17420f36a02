// SPDX-License-Identifier: Apache-2.0

package front

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"
)

func hello(c proto.ClientHello) []byte {
	var b proto.Buffer
	c.Encode(&b)
	return b.Buf
}

func TestReadGreeting(t *testing.T) {
	sent := hello(proto.ClientHello{Name: "test", Major: 26, Minor: 7, ProtocolVersion: 54483, Database: "ledger", User: "alice", Password: strings.Repeat("s", 200)})
	from := bytes.NewReader(append(bytes.Clone(sent), "and more"...))
	raw, g, ok := readGreeting(from)
	require.True(t, ok)
	require.Equal(t, greeting{database: "ledger", user: "alice", password: strings.Repeat("s", 200)}, g)
	require.Equal(t, sent, raw)
	require.Equal(t, len("and more"), from.Len(), "nothing behind it is read")

	for end := range sent {
		_, _, ok = readGreeting(bytes.NewReader(sent[:end]))
		require.False(t, ok)
	}
	for _, s := range []string{"GET / HTTP/1.1\r\n\r\n", "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x00\x80\x80\x80\x80\x01"} {
		_, _, ok = readGreeting(strings.NewReader(s))
		require.False(t, ok)
	}
}

// client is what a client sends and where it reads.
type client struct {
	io.Reader
	io.Writer
}

func TestAdmit(t *testing.T) {
	sent := append(hello(proto.ClientHello{Name: "test", ProtocolVersion: 54483, User: "default"}), "and more"...)
	begun, ok := Front{}.admit(client{bytes.NewReader(sent), io.Discard})
	require.True(t, ok)
	require.Equal(t, sent, begun)
	_, ok = Front{}.admit(client{strings.NewReader("GET / HTTP/1.1\r\n\r\n"), io.Discard})
	require.False(t, ok, "what is no greeting never reaches the engine")
}

func FuzzReadGreeting(f *testing.F) {
	f.Add(hello(proto.ClientHello{Name: "test", ProtocolVersion: 54483, Database: "d", User: "u", Password: "p"}))
	f.Add([]byte("\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		from := bytes.NewReader(sent)
		raw, g, ok := readGreeting(from)
		if !bytes.Equal(raw, sent[:len(sent)-from.Len()]) {
			t.Fatalf("read %q of %q", raw, sent)
		}
		if ok && !bytes.HasSuffix(raw, []byte(g.password)) {
			t.Fatalf("%q is not the end of %q", g.password, sent)
		}
	})
}
