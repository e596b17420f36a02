// SPDX-License-Identifier: Apache-2.0

package nat

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

func TestMain(m *testing.M) {
	if lab.RunIfActor() {
		return
	}
	os.Exit(m.Run())
}

func open(t testing.TB, log io.Writer) *Table {
	t.Helper()
	table, err := Open(prometheus.NewRegistry(), slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	t.Cleanup(table.Close)
	return table
}

// tracked is a pair of real sockets, on hosts of which B tracks and translates connections.
func tracked(t testing.TB) (l *lab.Lab, c *schema.Connection) {
	t.Helper()
	l = lab.New(t)
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 1)
	l.B.Run(t, "nft", "add table ip n; add chain ip n p { type nat hook prerouting priority -100; }; add rule ip n p tcp dport 80 dnat to "+listener.Local.String())
	client := l.A.Actor(t, "client").Dial(netip.AddrPortFrom(l.B.IPv4, 80))
	server := listener.Accept()
	server.Write(1)
	client.Read(1)
	return l, connection(server.Local.String(), server.Remote.String())
}

// A full batch is one system call: each gets its own answer. What the socket did not send is another connection's.
func TestAsk(t *testing.T) {
	l, server := tracked(t)
	table := open(t, io.Discard)
	batch := make([]*schema.Connection, Batch)
	for i := range batch {
		c := *server
		if i == 1 {
			c.LocalPort++
		}
		batch[i] = &c
	}
	l.B.In(t, func() { table.Ask(batch) })
	require.EqualValues(t, Batch-1, testutil.ToFloat64(table.lookups[another]))
	require.EqualValues(t, 1, testutil.ToFloat64(table.lookups[untracked]))
	for _, c := range batch {
		c.SndUna, c.SndNxt = table.answered[0].SeqEnd, table.answered[0].SeqEnd
	}
	l.B.In(t, func() { table.Ask(batch[:2]) })
	require.EqualValues(t, 1, testutil.ToFloat64(table.lookups[translated]))
	require.Equal(t, schema.Translation{LocalIP: l.B.IPv4, LocalPort: 80, RemoteIP: server.RemoteIP, RemotePort: server.RemotePort}, batch[0].NAT)
	for _, c := range batch[1:] {
		require.False(t, c.NAT.Known())
	}
	l.A.In(t, func() { table.Ask(batch[:1]) })
	require.EqualValues(t, 3, testutil.ToFloat64(table.lookups[untracked]), "A tracks nothing")
	require.True(t, batch[0].NAT.Known(), "what is known stays")
}

// A kernel that does not answer any more is said once, and counted.
func TestAskFails(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("loading programs needs root")
	}
	var log bytes.Buffer
	table := open(t, &log)
	c := connection("10.0.0.1:1", "10.0.0.2:2")
	require.NoError(t, table.program.Close())
	for range 3 {
		table.Ask([]*schema.Connection{c, c})
	}
	require.EqualValues(t, 6, testutil.ToFloat64(table.lookups[failed]))
	require.Error(t, table.Err())
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("\n")), log.String())
}

func TestExplain(t *testing.T) {
	require.ErrorIs(t, explain(fmt.Errorf("load: %w", unix.EPERM)), ErrPrivileges)
	require.ErrorIs(t, explain(fmt.Errorf("load: %w", ebpf.ErrNotSupported)), ErrUnsupported)
	other := errors.New("other")
	require.ErrorIs(t, explain(other), other)
}

func BenchmarkAsk(b *testing.B) {
	l, server := tracked(b)
	table := open(b, io.Discard)
	for name, size := range map[string]int{"batch": Batch, "one": 1} {
		batch := make([]*schema.Connection, size)
		for i := range batch {
			batch[i] = server
		}
		b.Run(name, func(b *testing.B) {
			l.B.In(b, func() {
				for b.Loop() {
					table.Ask(batch)
				}
			})
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/connection")
		})
	}
}
