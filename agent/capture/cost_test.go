// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"io"
	"net"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/bpf"
)

// BenchmarkKernel measures what the hooks cost a connection of this machine to itself, both ends, with one word each way, in nanoseconds by
// the kernel's own statistics. It takes in what else the machine does meanwhile: compare runs in turn.
func BenchmarkKernel(b *testing.B) {
	privileged(b)
	namespace(b)
	c := started(b, DefaultConfig())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, stats.Close()) })
	before := spent(b, c.Capture)
	for b.Loop() {
		exchange(b, listener)
		c.drainQuietly()
	}
	after := spent(b, c.Capture)
	total := 0.0
	for _, name := range []string{"on_state", "on_state_missed", "on_destroy", "on_destroy_missed", "on_read", "on_send"} {
		each := float64(after[name]-before[name]) / float64(b.N)
		b.ReportMetric(each, name+"-ns/op")
		total += each
	}
	b.ReportMetric(total, "kernel-ns/op")
}

func exchange(b *testing.B, listener net.Listener) {
	client, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(b, err)
	server, err := listener.Accept()
	require.NoError(b, err)
	word := []byte("word")
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		_, err := way[0].Write(word)
		require.NoError(b, err)
		_, err = io.ReadFull(way[1], word)
		require.NoError(b, err)
	}
	require.NoError(b, client.Close())
	require.NoError(b, server.Close())
}

// drainQuietly reads what the ring holds and keeps nothing.
func (w *watch) drainQuietly() {
	var rec bpf.Record
	for w.reader.AvailableBytes() > 0 {
		require.NoError(w.t, w.Read(&rec))
	}
}

func spent(b *testing.B, c *Capture) map[string]int64 {
	status, err := c.Status()
	require.NoError(b, err)
	found := map[string]int64{}
	for _, p := range status.Programs {
		found[p.Name] = int64(p.RunTime)
	}
	return found
}
