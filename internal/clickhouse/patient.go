// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// patientConn makes the driver's read timeout bound the server's silence. The driver sets it once for a whole statement: one that
// computes for longer would fail, however often the server reports its progress. A deadline of a context is another call and stays.
type patientConn struct {
	net.Conn
	silence atomic.Int64 // nanoseconds; 0 without a read timeout
}

// Read fails after so long a silence, whatever deadline the driver set.
func (c *patientConn) Read(b []byte) (int, error) {
	if silence := time.Duration(c.silence.Load()); silence > 0 {
		if err := c.Conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(b)
}

// SetReadDeadline lets each read from now on take as long as until t; the zero time lets it take any time.
func (c *patientConn) SetReadDeadline(t time.Time) error {
	var silence time.Duration
	if !t.IsZero() {
		silence = max(time.Until(t), 0)
	}
	c.silence.Store(int64(silence))
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline ends reads and writes at t.
func (c *patientConn) SetDeadline(t time.Time) error {
	c.silence.Store(0)
	return c.Conn.SetDeadline(t)
}

// SyscallConn is that of the socket: the driver looks there whether an idle connection was closed.
func (c *patientConn) SyscallConn() (syscall.RawConn, error) {
	conn := c.Conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if socket, ok := conn.(syscall.Conn); ok {
		return socket.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
