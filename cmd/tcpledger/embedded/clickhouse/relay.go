// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"time"

	"tcpledger/cmd/tcpledger/embedded/port"
)

const (
	// engineHost is where the library listens: a loopback address that nobody else uses, for the relay alone.
	engineHost = "127.0.0.2"
	// acceptPause is waited after a failure to accept, such as of too many open files.
	acceptPause = 100 * time.Millisecond
	// goodbye is how long a client may go on sending to an engine that has closed.
	goodbye = time.Second
)

// relayAll starts the relays of a library's two protocols.
func relayAll(o Options) error {
	native, http := strconv.Itoa(o.TCPPort), strconv.Itoa(o.HTTPPort)
	return errors.Join(relay(port.Join(o.TCPPort), net.JoinHostPort(engineHost, native), true),
		relay(port.Join(o.HTTPPort), net.JoinHostPort(engineHost, http), false))
}

// relay passes connections at from on to the engine at to, for as long as this process lives. The library ends the whole
// process when a client resets a connection that waits for its next query, as the kernel does for a client that is killed or
// cancels with an answer unread. Behind a relay it sees nothing worse than the end of the stream. With drain, an engine whose
// client is gone is heard to the end: right for the native protocol, where that end cancels the query; HTTP goes on without a
// reader, and bears a reset while it answers.
func relay(from, to string, drain bool) error {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp4", from)
	if err != nil {
		return err
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				time.Sleep(acceptPause)
				continue
			}
			go pass(client, to, drain)
		}
	}()
	return nil
}

// pass connects one client with the engine and returns when both are through. A broken connection is an end like any other.
func pass(client net.Conn, to string, drain bool) {
	defer func() { _ = client.Close() }()
	engine, err := (&net.Dialer{}).DialContext(context.Background(), "tcp4", to)
	if err != nil {
		return // not yet, or no longer, there: the client sees the end of the stream
	}
	defer func() { _ = engine.Close() }()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.Copy(engine, client)
		endOfStream(engine)
	}()
	_, err = io.Copy(client, engine)
	if err != nil && drain {
		_, _ = io.Copy(io.Discard, engine)
	}
	if err == nil { // the engine closed
		endOfStream(client)
		_ = client.SetReadDeadline(time.Now().Add(goodbye))
	} else {
		_ = client.Close()
	}
	if !drain {
		_ = engine.Close()
	}
	<-sent
}

func endOfStream(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}
