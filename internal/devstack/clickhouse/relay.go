// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"time"

	"tcpledger/internal/devstack/port"
)

const (
	// engineHost is where the library listens: a loopback address that nobody else uses, for the relay alone.
	engineHost = "127.0.0.2"
	// acceptPause is waited after a failure to accept, such as of too many open files.
	acceptPause = 100 * time.Millisecond
	// goodbye is how long a client may go on sending to an engine that has closed.
	goodbye = time.Second
)

// relays starts those of a library's two protocols, for as long as this process lives. The library ends the whole process over
// what another server would log: a client that resets a connection while it waits for the next query, as the kernel does for a
// client that is killed or cancels with an answer unread; a wrong user, password or database. Behind a relay it sees nothing
// worse than the end of a stream.
func relays(o Options) error {
	native := relay{to: net.JoinHostPort(engineHost, strconv.Itoa(o.TCPPort)), http: net.JoinHostPort(engineHost, strconv.Itoa(o.HTTPPort))}
	return errors.Join(native.start(port.Join(o.TCPPort)), relay{to: native.http}.start(port.Join(o.HTTPPort)))
}

// relay passes connections on to the engine at to. That of the native protocol knows where HTTP is; there, an engine whose
// client is gone is heard to the end, which cancels a query. HTTP would go on without a reader, and bears a reset while it answers.
type relay struct{ to, http string }

// start returns when connections are accepted at from.
func (r relay) start(from string) error {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp4", from)
	if err != nil {
		return err
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				<-time.After(acceptPause)
				continue
			}
			go r.pass(client)
		}
	}()
	return nil
}

// pass connects one client with the engine and returns when both are through. A broken connection is an end like any other.
func (r relay) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	native := r.http != ""
	var begun []byte
	if native {
		var ok bool
		if begun, ok = admit(client, r.http); !ok {
			return
		}
	}
	engine, err := (&net.Dialer{}).DialContext(context.Background(), "tcp4", r.to)
	if err != nil {
		return // not yet, or no longer, there: the client sees the end of the stream
	}
	defer func() { _ = engine.Close() }()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if _, err := engine.Write(begun); err == nil {
			_, _ = io.Copy(engine, client)
		}
		endOfStream(engine)
	}()
	if _, err = io.Copy(client, engine); err == nil { // the engine closed
		endOfStream(client)
		_ = client.SetReadDeadline(time.Now().Add(goodbye))
	} else {
		_ = client.Close()
		if native {
			_, _ = io.Copy(io.Discard, engine)
		} else {
			_ = engine.Close()
		}
	}
	<-sent
}

func endOfStream(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}
