// SPDX-License-Identifier: Apache-2.0

package symbolize

import (
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tcpledger/ingester/row"
	"tcpledger/internal/clickhouse"
	"tcpledger/schema"
)

// A message of many stacks asks a ClickHouse that fails once, not once a frame: a failure may take half a minute.
func TestFailureIsNotRepeatedForEachFrame(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	var asked atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			_ = conn.Close()
		}
	}()
	flags := clickhouse.Flags{Addr: listener.Addr().String(), Database: "d"}
	db, err := flags.Open()
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	s, err := New(db, prometheus.NewRegistry())
	require.NoError(t, err)

	meta := &schema.Meta{}
	for i := range uint64(50) {
		meta.Stacks = append(meta.Stacks, schema.Stack{ID: i, Frames: []schema.Frame{{BuildID: strconv.FormatUint(i, 10), Offset: 1}, {BuildID: "b", Offset: 2}}})
	}
	var out row.Set
	s.Stacks(t.Context(), meta, time.Now(), &out)
	require.Len(t, out.Stacks, 50)
	require.Equal(t, 50.0, testutil.ToFloat64(s.metrics.failures))
	require.NotZero(t, asked.Load())
	require.Less(t, asked.Load(), int64(10), "of 100 frames; the client tries a few times by itself")
	require.True(t, s.Due(time.Now()), "they are looked at again")
}
