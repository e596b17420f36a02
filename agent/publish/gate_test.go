// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"errors"
	"net"
	"sync"
)

// gate is a network that is cut and mended: cut, it closes what is open and opens nothing.
type gate struct {
	mu     sync.Mutex
	closed bool
	conns  []net.Conn
}

var errCut = errors.New("the network is cut")

func (g *gate) dial(ctx context.Context, network, address string) (net.Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, errCut
	}
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		g.conns = append(g.conns, c)
	}
	return c, err
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for _, c := range g.conns {
		_ = c.Close() // it may be closed already
	}
	g.conns = nil
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = false
}
