// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
)

// line is a proxy to ClickHouse that can freeze: its connections stay open and no byte passes. (A stopped engine would not do:
// the embedded one ends if a client leaves in its handshake.)
type line struct {
	listener net.Listener
	target   string
	frozen   sync.RWMutex

	mu      sync.Mutex
	clients []*net.TCPConn
}

// silence makes the kernel drop what arrives on the connections that are open, without a reset or an acknowledgement, as a
// firewall does that forgot them. New connections work.
func (l *line) silence(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
	for _, client := range l.clients {
		raw, err := client.SyscallConn()
		require.NoError(t, err)
		require.NoError(t, raw.Control(func(fd uintptr) {
			err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(drop)), Filter: &drop[0]})
		}))
		require.NoError(t, err)
	}
}

// lay puts a line between the pipelines to come and ClickHouse.
func (r *rig) lay() *line {
	r.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = listener.Close() })
	l := &line{listener: listener, target: r.flags.Addr}
	r.flags.Addr = listener.Addr().String()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go l.serve(client.(*net.TCPConn))
		}
	}()
	return l
}

func (l *line) serve(client *net.TCPConn) {
	defer func() { _ = client.Close() }()
	l.mu.Lock()
	l.clients = append(l.clients, client)
	l.mu.Unlock()
	conn, err := net.Dial("tcp", l.target)
	if err != nil {
		return
	}
	server := conn.(*net.TCPConn)
	defer func() { _ = server.Close() }()
	go func() {
		l.pass(server, client)
		_ = server.CloseWrite()
	}()
	l.pass(client, server)
	_, _ = io.Copy(io.Discard, server) // to its end: a reset would end the embedded engine too
}

// pass copies until either end closes.
func (l *line) pass(to io.Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		l.frozen.RLock()
		_, writeErr := to.Write(buf[:n])
		l.frozen.RUnlock()
		if err != nil || writeErr != nil {
			return
		}
	}
}

// members counts the members of a group that all know their partitions.
func (r *rig) members(group string) int {
	client := &kafka.Client{Addr: kafka.TCP(r.brokers...)}
	described, err := client.DescribeGroups(r.t.Context(), &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	if err != nil || described.Groups[0].GroupState != "Stable" {
		return 0
	}
	return len(described.Groups[0].Members)
}

// until waits for a condition.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	require.Eventually(t, met, maxWait, 20*time.Millisecond, what)
}

// A ClickHouse that hangs during an insert delays neither a rebalance nor a stop. When it goes on, every row is there once, also
// the rows of the insert that was cut short.
func TestClickHouseHangs(t *testing.T) {
	r := newRig(t)
	line := r.lay()
	first := r.start("g") // with the program's own timeout, which is longer than the test's
	r.send(schema.TopicEvents, 1, sampleBatch(t, 1, 1, 0, 10))
	until(t, "it is committed", func() bool { return first.total(t, "tcpledger_ingester_flushes_total") > 0 && r.lag("g") == 0 })
	taken := first.total(t, "tcpledger_ingester_messages_total")

	line.frozen.Lock()
	for p := range partitions {
		r.send(schema.TopicEvents, p, sampleBatch(t, 2, uint32(p), 0, 10))
	}
	until(t, "it takes what it cannot store", func() bool { return first.total(t, "tcpledger_ingester_messages_total") > taken })
	second := r.start("g")
	until(t, "both are members", func() bool { return r.members("g") == 2 })
	first.stop(t)
	until(t, "one is left", func() bool { return r.members("g") == 1 })

	line.frozen.Unlock()
	r.eventually((partitions+1)*10, "SELECT count() FROM %s.connections FINAL")
	r.eventually((partitions+1)*10, "SELECT count() FROM %s.events FINAL")
	second.stop(t)
	require.Zero(t, r.lag("g"))
}

// The ingester logs an insert without an answer, cuts it short and repeats it with a longer timeout.
func TestSilentInsertIsRepeated(t *testing.T) {
	r := newRig(t)
	line := r.lay()
	r.timeout = 50 * time.Millisecond
	run := r.start("g")
	r.send(schema.TopicEvents, 1, sampleBatch(t, 1, 1, 0, 10))
	until(t, "it is committed", func() bool { return run.total(t, "tcpledger_ingester_flushes_total") > 0 && r.lag("g") == 0 })

	line.frozen.Lock()
	r.send(schema.TopicEvents, 1, sampleBatch(t, 2, 1, 0, 10))
	until(t, "it is said", func() bool { return run.outage.Err() != nil })
	require.ErrorContains(t, run.outage.Err(), "no answer")
	line.frozen.Unlock()
	r.eventually(20, "SELECT count() FROM %s.connections FINAL")
	until(t, "it is over", func() bool { return run.outage.Err() == nil })
}

// A connection to ClickHouse that went silent, without a reset, costs seconds: not the two minutes that an insert may take.
func TestSilentPeerIsGivenUp(t *testing.T) {
	r := newRig(t)
	line := r.lay()
	run := r.start("g")
	r.send(schema.TopicEvents, 1, sampleBatch(t, 1, 1, 0, 10))
	until(t, "it is committed", func() bool { return run.total(t, "tcpledger_ingester_flushes_total") > 0 && r.lag("g") == 0 })

	line.silence(t)
	begun := time.Now()
	r.send(schema.TopicEvents, 1, sampleBatch(t, 2, 1, 0, 10))
	r.eventually(20, "SELECT count() FROM %s.connections FINAL")
	require.Less(t, time.Since(begun), 40*time.Second)
	require.Equal(t, 1, r.members("g"), "the group did not lose its member meanwhile")
	until(t, "it is over", func() bool { return run.outage.Err() == nil })
}
