// SPDX-License-Identifier: Apache-2.0

package front

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

const (
	// maxGreetingText bounds a text of a greeting, in bytes.
	maxGreetingText = 4 << 10
	// maxRefusal bounds a refusal's text, in bytes.
	maxRefusal = 64 << 10
	// refusalWithin bounds the question whether the engine would have a client.
	refusalWithin = 10 * time.Second
)

// greeting is who a client of the native protocol says it is.
type greeting struct{ database, user, password string }

// asking is the HTTP client of refusal.
var asking = &http.Client{Transport: &http.Transport{DialContext: dialHTTP, DisableKeepAlives: true}}

// readGreeting reads a client's first packet, and nothing behind it. Raw is what it read; ok is false if that is no greeting.
func readGreeting(from io.ByteReader) (raw []byte, g greeting, ok bool) {
	r := &greetingReader{from: from, good: true}
	if r.number() != uint64(proto.ClientCodeHello) {
		return r.raw, greeting{}, false
	}
	r.text() // the client's name, then its version and its protocol's
	for range 3 {
		r.number()
	}
	g = greeting{database: r.text(), user: r.text(), password: r.text()}
	return r.raw, g, r.good
}

type greetingReader struct {
	from io.ByteReader
	raw  []byte
	good bool
}

func (r *greetingReader) byte() byte {
	if !r.good {
		return 0
	}
	b, err := r.from.ReadByte()
	if err != nil {
		r.good = false
		return 0
	}
	r.raw = append(r.raw, b)
	return b
}

func (r *greetingReader) number() (n uint64) {
	const more, bits, maxShift = 0x80, 7, 63
	for shift := 0; r.good; shift += bits {
		if shift > maxShift {
			r.good = false
			break
		}
		b := r.byte()
		n |= uint64(b&^more) << shift
		if b&more == 0 {
			break
		}
	}
	return n
}

func (r *greetingReader) text() string {
	length := r.number()
	if length > maxGreetingText {
		r.good = false
	}
	var text strings.Builder
	for i := uint64(0); i < length && r.good; i++ {
		text.WriteByte(r.byte())
	}
	return text.String()
}

// admit reads the greeting of a client and returns what it read. It asks, over HTTP, whether the engine accepts the user, the
// password and the database: wrong ones end the engine when it sees them in the native protocol. ok is false for a client that
// the engine refuses, which is answered, and for one that does not greet.
func (f Front) admit(client io.ReadWriter) (begun []byte, ok bool) {
	buffered := bufio.NewReader(client)
	begun, g, ok := readGreeting(buffered)
	if !ok {
		return nil, false
	}
	if g != (greeting{user: "default"}) {
		if refusal := g.refusal(f.HTTP); refusal != nil {
			var b proto.Buffer
			proto.ServerCodeException.Encode(&b)
			refusal.EncodeAware(&b, 0)
			_, _ = client.Write(b.Buf) // the client may be gone
			return nil, false
		}
	}
	behind, _ := buffered.Peek(buffered.Buffered()) // what is there cannot fail
	return append(begun, behind...), true
}

// refusal is the engine's answer to a client that it refuses, nil if it accepts the client.
func (g greeting) refusal(addr string) *proto.Exception {
	ctx, cancel := context.WithTimeout(context.Background(), refusalWithin)
	defer cancel()
	who := url.Values{"query": {"SELECT 1"}, "user": {g.user}, "password": {g.password}}
	if g.database != "" {
		who.Set("database", g.database)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/?"+who.Encode(), http.NoBody)
	if err != nil {
		return nil
	}
	response, err := asking.Do(request)
	if err != nil {
		return nil // the engine is not there, or no longer
	}
	defer func() { _ = response.Body.Close() }() // read to its end
	code, err := strconv.ParseInt(response.Header.Get("X-ClickHouse-Exception-Code"), 10, 32)
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	if err != nil {
		return nil
	}
	message := strings.TrimSpace(string(text))
	if _, after, found := strings.Cut(message, "DB::Exception: "); found {
		message = after
	}
	return &proto.Exception{Code: proto.Error(code), Name: "DB::Exception", Message: message}
}
