// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"tcpledger/bpf"
)

// connChunk is how many connections one step of a scan reads at most, unless a bucket holds more.
const connChunk = 1024

// maxConnChunk bounds the growth of a scan for such a bucket.
const maxConnChunk = 64 * connChunk

// ConnScan walks the state map in steps, without stopping the hooks. A connection that is there from the scan's beginning to
// its end is seen once; one that comes or goes meanwhile may be missed. It is for one goroutine.
type ConnScan struct {
	capture *Capture
	cursor  ebpf.MapBatchCursor
	keys    []uint64
	values  []bpf.ConnState
}

// ScanConns makes a scan that begins with its first Next. It is used again for the next one.
func (c *Capture) ScanConns() *ConnScan {
	return &ConnScan{capture: c, keys: make([]uint64, connChunk), values: make([]bpf.ConnState, connChunk)}
}

// Next gives the next connections, perhaps none, and whether there are more; if not, the next call begins anew. They are valid
// until the next call. After an error the scan begins anew, too.
func (s *ConnScan) Next() (states []bpf.ConnState, more bool, err error) {
	if s.capture.collection == nil {
		return nil, false, ErrNotStarted
	}
	n, err := s.capture.collection.Maps["conns"].BatchLookup(&s.cursor, s.keys, s.values, nil)
	if errors.Is(err, unix.ENOSPC) && len(s.keys) < maxConnChunk { // the cursor has not moved
		s.keys, s.values = make([]uint64, 2*len(s.keys)), make([]bpf.ConnState, 2*len(s.values))
		return nil, true, nil
	}
	switch {
	case err == nil:
		return s.values[:n], true, nil
	case errors.Is(err, ebpf.ErrKeyNotExist):
		err = nil
	default:
		err = fmt.Errorf("scan the state map: %w", err)
	}
	s.cursor = ebpf.MapBatchCursor{}
	return s.values[:n], false, err
}
