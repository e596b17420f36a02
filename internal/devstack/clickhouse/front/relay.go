// SPDX-License-Identifier: Apache-2.0

package front

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"tcpledger/internal/retry"
)

// acceptAgain is how long the front waits after a failure to accept, such as of too many open files.
var acceptAgain = retry.Policy{First: 100 * time.Millisecond}

// goodbye is how long a client may go on sending to an engine that has closed.
const goodbye = time.Second

// ServeNative passes connections of the native protocol on until the listener is closed.
func (f Front) ServeNative(listener net.Listener) error {
	for {
		var client net.Conn
		err := retry.Until(context.Background(), acceptAgain, nil, func(context.Context) (err error) {
			client, err = listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return retry.Permanent(err)
			}
			return err
		})
		if err != nil {
			return err
		}
		go f.pass(client)
	}
}

// pass connects one client with the engine and returns when both are through. A broken connection is an end like any other. The
// answer of an engine whose client is gone is read to its end, which cancels the query.
func (f Front) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	begun, ok := f.admit(client)
	if !ok {
		return
	}
	engine, err := dial(context.Background(), f.Native)
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
		_, _ = io.Copy(io.Discard, engine)
	}
	<-sent
}

func endOfStream(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}
