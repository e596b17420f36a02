// SPDX-License-Identifier: Apache-2.0

package front

import (
	"bytes"
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
		raw, _, ok = readGreeting(bytes.NewReader(sent[:end]))
		require.False(t, ok)
		require.Equal(t, string(sent[:end]), string(raw), "what was read is passed on")
	}
	for _, s := range []string{"GET / HTTP/1.1\r\n\r\n", "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x00\x80\x80\x80\x80\x01"} {
		raw, _, ok = readGreeting(strings.NewReader(s))
		require.False(t, ok)
		require.True(t, strings.HasPrefix(s, string(raw)))
	}
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
			t.Fatalf("%q is not the end of %q", g.password, raw)
		}
	})
}
