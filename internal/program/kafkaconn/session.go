// SPDX-License-Identifier: Apache-2.0

package kafkaconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/sasl"
)

// loginTimeout bounds one login.
const loginTimeout = 10 * time.Second

// session is a connection that is logged in for a limited time: the broker has a connections.max.reauth.ms and closes a
// connection that sends a request after it. kafka-go knows no second login; the session logs in again over the same connection,
// before a request, so that neither a consumer group nor a request notices. Like kafka-go, it wants one writer at a time, and an
// answer to each request.
type session struct {
	net.Conn
	login *login

	mu       sync.Mutex
	renewAt  time.Time // zero if the login does not end
	requests frames
	answers  frames
	busy     bool // a login sets the deadlines
	read     time.Time
	write    time.Time
}

// dial returns the function that connects, and logs in if the mechanism is not nil.
func (f *Flags) dial(clientID string, mechanism sasl.Mechanism) func(ctx context.Context, network, address string) (net.Conn, error) {
	if mechanism == nil {
		return f.TLS.Dial
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := f.TLS.Dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		s := &session{Conn: conn, login: &login{wire: protocol.NewConn(conn, clientID), mechanism: mechanism}}
		if err := s.start(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("log in to %s: %w", address, err), conn.Close())
		}
		if s.renewAt.IsZero() {
			return conn, nil
		}
		return s, nil
	}
}

// start is the first login.
func (s *session) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	if err := s.Conn.SetDeadline(deadline); err != nil {
		return err
	}
	if err := s.login.negotiate(); err != nil {
		return err
	}
	var err error
	if s.renewAt, err = s.login.run(ctx); err != nil {
		return err
	}
	return s.Conn.SetDeadline(time.Time{})
}

// Write logs in again if it is time and no request waits for its answer; then it writes. An error of the login is one of the
// connection.
func (s *session) Write(b []byte) (int, error) {
	if s.begin() {
		if err := s.end(s.renew()); err != nil {
			return 0, fmt.Errorf("log in again: %w", err)
		}
	}
	s.mu.Lock()
	s.requests.add(b)
	s.mu.Unlock()
	return s.Conn.Write(b)
}

// begin reports whether it is time to log in again. Nobody reads from the connection then: there is no answer to wait for.
func (s *session) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := !s.requests.inside() && s.requests.ended == s.answers.ended
	s.busy = idle && !s.renewAt.IsZero() && time.Now().After(s.renewAt)
	return s.busy
}

// renew logs in again.
func (s *session) renew() error {
	ctx, cancel := context.WithTimeout(context.Background(), loginTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	if err := s.Conn.SetDeadline(deadline); err != nil {
		return err
	}
	at, err := s.login.run(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.renewAt = at
	s.mu.Unlock()
	return nil
}

// end gives the connection the deadlines of its user again.
func (s *session) end(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	return errors.Join(err, s.Conn.SetReadDeadline(s.read), s.Conn.SetWriteDeadline(s.write))
}

// Read reads and counts the answers.
func (s *session) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.mu.Lock()
	s.answers.add(b[:n])
	s.mu.Unlock()
	return n, err
}

// SetDeadline sets both deadlines. While the session logs in, they hold from the end of the login on.
func (s *session) SetDeadline(at time.Time) error {
	return errors.Join(s.SetReadDeadline(at), s.SetWriteDeadline(at))
}

// SetReadDeadline sets the deadline of reads.
func (s *session) SetReadDeadline(at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = at
	if s.busy {
		return nil
	}
	return s.Conn.SetReadDeadline(at)
}

// SetWriteDeadline sets the deadline of writes.
func (s *session) SetWriteDeadline(at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write = at
	if s.busy {
		return nil
	}
	return s.Conn.SetWriteDeadline(at)
}
