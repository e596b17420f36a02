// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

func lockThread() { runtime.LockOSThread() }

// truth is what the test knows of one end of a connection, by that end's addresses.
type truth map[string]schema.Verdict

func tuple(local, remote netip.AddrPort) string { return local.String() + " " + remote.String() }

// traffic makes connections that end in ways whose verdict is certain, each n times. It runs in the test's namespace.
func traffic(t *testing.T, host string, n int) truth {
	want := truth{}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	for range n {
		for _, ending := range []struct {
			client, server schema.Cause
			clientReset    schema.Reset
			end            func(client, server *net.TCPConn)
		}{
			{schema.CauseLocalClose, schema.CausePeerClose, schema.ResetNone, func(client, server *net.TCPConn) {
				exchange(t, client, server)
				require.NoError(t, client.Close())
				drain(t, server)
				require.NoError(t, server.Close())
			}},
			{schema.CauseCloseUnreadData, schema.CausePeerReset, schema.ResetSent, func(client, server *net.TCPConn) {
				exchange(t, client, server)
				_, err := server.Write([]byte("nobody reads this"))
				require.NoError(t, err)
				arrived(t, client)
				require.NoError(t, client.Close())
				resetSeen(t, server)
				require.NoError(t, server.Close())
			}},
			{schema.CauseLingerAbort, schema.CausePeerReset, schema.ResetSent, func(client, server *net.TCPConn) {
				exchange(t, client, server)
				require.NoError(t, client.SetLinger(0))
				require.NoError(t, client.Close())
				resetSeen(t, server)
				require.NoError(t, server.Close())
			}},
		} {
			client, server := connect(t, listener)
			local, remote := addrPort(client.LocalAddr()), addrPort(client.RemoteAddr())
			ending.end(client, server)
			want[tuple(local, remote)] = schema.Verdict{Cause: ending.client, Initiator: schema.InitiatorLocal, Reset: ending.clientReset}
			verdict := schema.Verdict{Cause: ending.server, Initiator: schema.InitiatorPeer, Reset: schema.ResetNone}
			if ending.clientReset == schema.ResetSent {
				verdict.Reset = schema.ResetReceived
			}
			want[tuple(remote, local)] = verdict
		}
	}
	return want
}

func connect(t *testing.T, listener net.Listener) (client, server *net.TCPConn) {
	c, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	s, err := listener.Accept()
	require.NoError(t, err)
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

func addrPort(a net.Addr) netip.AddrPort {
	ap := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func exchange(t *testing.T, client, server *net.TCPConn) {
	_, err := client.Write([]byte("hello"))
	require.NoError(t, err)
	_, err = io.ReadFull(server, make([]byte, 5))
	require.NoError(t, err)
}

func drain(t *testing.T, c *net.TCPConn) {
	_, err := io.Copy(io.Discard, c)
	require.NoError(t, err)
}

func arrived(t *testing.T, c *net.TCPConn) {
	raw, err := c.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Read(func(fd uintptr) bool {
		n, _, _ := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
		return n == 1
	}))
}

func resetSeen(t *testing.T, c *net.TCPConn) {
	_, err := io.Copy(io.Discard, c)
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

// collected is what a topic holds of one session.
type collected struct {
	connections []schema.Connection
	events      []schema.Event
	checkpoints []schema.Checkpoint
	lost        uint64
	accounts    map[uint32]map[uint64]int // how often each number came, in a row or a loss range
}

// collect decodes a topic. Each checkpoint comes after all that it covers.
func collect(t *testing.T, values [][]byte) *collected {
	all := &collected{accounts: map[uint32]map[uint64]int{}}
	account := func(stream uint32, seq uint64) {
		if all.accounts[stream] == nil {
			all.accounts[stream] = map[uint64]int{}
		}
		all.accounts[stream][seq]++
	}
	var b schema.Batch
	for _, value := range values {
		require.NoError(t, schema.NewBatchDecoder().Decode(value, &b))
		for _, c := range b.Connections {
			account(c.Stream, c.Seq)
		}
		for _, e := range b.Events {
			account(e.Stream, e.Seq)
		}
		for _, l := range b.Losses {
			all.lost += l.Lost()
			for seq := l.SeqFrom; seq <= l.SeqTo; seq++ {
				account(l.Stream, seq)
			}
		}
		for _, c := range b.Checkpoints {
			for i, stream := range c.Streams {
				for seq := range c.Next[i] {
					require.Equal(t, 1, all.accounts[stream][seq], "%s checkpoint: stream %d number %d of %d", c.Phase, stream, seq, c.Next[i])
				}
			}
			all.checkpoints = append(all.checkpoints, c)
		}
		all.connections = append(all.connections, b.Connections...)
		all.events = append(all.events, b.Events...)
	}
	return all
}

// TestEveryConnectionArrives runs the agent on this kernel, makes connections whose end the test knows, stops the agent
// with SIGTERM, and looks at what is in Kafka.
func TestEveryConnectionArrives(t *testing.T) {
	needPrivileges(t)
	broker, listen := newKafka(t), freeAddr(t)
	p := start(t, nil, "--brokers", broker, "--listen", listen, "--symbols-delay", "0s", "--host-id", "here")
	p.healthy(listen)

	var want truth
	netns := inNetNS(t, func() {
		want = traffic(t, "127.0.0.1", 30)
		for key, verdict := range traffic(t, "::1", 30) {
			want[key] = verdict
		}
	})
	p.signal(syscall.SIGTERM) // at once: what just ended must not be missing
	require.Equal(t, 0, p.wait(), p.output())

	got := collect(t, readTopic(t, broker, schema.TopicEvents))
	seen, wrong := 0, []string{}
	stacks := map[uint64]bool{}
	for i := range got.connections {
		c := &got.connections[i]
		if c.NetNS != netns {
			continue
		}
		key := tuple(netip.AddrPortFrom(c.LocalIP, c.LocalPort), netip.AddrPortFrom(c.RemoteIP, c.RemotePort))
		expected, known := want[key]
		require.True(t, known, "a connection nobody made, or a second record of one: %+v", c)
		delete(want, key)
		seen++
		if v := schema.Decide(c); v != expected {
			wrong = append(wrong, fmt.Sprintf("%s: %+v, expected %+v: %+v", key, v, expected, c.Evidence))
		}
		require.Equal(t, uint32(os.Getpid()), c.Owner.PID, "owner of %+v", c)
		if c.Role == schema.RoleClient {
			require.Equal(t, uint64(5), c.BytesSent(), "payload of %+v", c)
		} else {
			require.Equal(t, schema.RoleServer, c.Role)
			require.Equal(t, uint64(5), c.BytesReceived(c.Flags.Has(schema.FlagFinReceived)), "payload of %+v", c)
		}
		stacks[c.StackID] = true
	}
	require.Empty(t, wrong)
	require.Empty(t, want, "connections without a record")
	require.Equal(t, 2*2*3*30, seen)

	phases := map[string]int{}
	for _, c := range got.checkpoints {
		phases[c.Phase]++
	}
	require.Equal(t, 1, phases[schema.CheckpointStart])
	require.Equal(t, 1, phases[schema.CheckpointEnd])
	last := got.checkpoints[len(got.checkpoints)-1]
	require.Equal(t, schema.CheckpointEnd, last.Phase)
	for i, stream := range last.Streams {
		require.Len(t, got.accounts[stream], int(last.Next[i]), "stream %d holds numbers beyond the end", stream)
	}
	checkMeta(t, readTopic(t, broker, schema.TopicMeta), stacks)
}

// TestFullRingIsCounted stops the agent while more connections end than its ring holds: the records without room are in loss ranges, and
// the account is complete all the same.
func TestFullRingIsCounted(t *testing.T) {
	needPrivileges(t)
	broker, listen := newKafka(t), freeAddr(t)
	p := start(t, nil, "--brokers", broker, "--listen", listen, "--symbols-delay", "0s", "--ring-bytes", "8KiB")
	p.healthy(listen)
	p.signal(syscall.SIGSTOP)
	netns := inNetNS(t, func() { traffic(t, "127.0.0.1", 20) })
	p.signal(syscall.SIGCONT)
	p.signal(syscall.SIGTERM)
	require.Equal(t, 0, p.wait(), p.output())
	got := collect(t, readTopic(t, broker, schema.TopicEvents))
	last := got.checkpoints[len(got.checkpoints)-1]
	require.Equal(t, schema.CheckpointEnd, last.Phase)
	rows, lost := 0, uint64(0)
	for _, c := range got.connections {
		if c.NetNS == netns {
			rows++
		}
	}
	for i, name := range last.Names {
		if strings.HasPrefix(name, "lost_") {
			lost += last.Totals[i]
		}
	}
	require.Less(t, rows, 2*3*20)
	require.Equal(t, lost, got.lost, "what the kernel side counted as lost is what lies in loss ranges")
	require.Positive(t, got.lost)
}

// TestKafkaComesLater starts the agent before Kafka: it watches at once and logs once that Kafka is away; nothing is lost.
func TestKafkaComesLater(t *testing.T) {
	needPrivileges(t)
	broker, listen := freeAddr(t), freeAddr(t)
	p := start(t, nil, "--brokers", broker, "--listen", listen, "--symbols-delay", "0s", "--host-id", "here")
	require.Eventually(t, func() bool { return strings.Contains(p.output(), "watching") }, patience, 20e6, lazily(p.output))
	netns := inNetNS(t, func() { traffic(t, "127.0.0.1", 5) })
	require.Eventually(t, func() bool { return strings.Contains(p.output(), "part=kafka ") }, patience, 20e6, lazily(p.output))

	_, port, err := net.SplitHostPort(broker)
	require.NoError(t, err)
	newKafka(t, port)
	p.healthy(listen)
	p.signal(syscall.SIGTERM)
	require.Equal(t, 0, p.wait(), p.output())
	require.Equal(t, 1, strings.Count(p.output(), "not available, trying on\" part=kafka "), "said once: %s", lazily(p.output))
	rows := 0
	for _, c := range collect(t, readTopic(t, broker, schema.TopicEvents)).connections {
		if c.NetNS == netns {
			rows++
		}
	}
	require.Equal(t, 2*3*5, rows)
}

// checkMeta: the host described itself, and every stack that rows refer to was sent once.
func checkMeta(t *testing.T, values [][]byte, needed map[uint64]bool) {
	hosts, sent := 0, map[uint64]int{}
	for _, value := range values {
		m, err := schema.DecodeMeta(value)
		require.NoError(t, err)
		require.Equal(t, "here", m.Host)
		if m.Agent.AgentVersion != "" {
			hosts++
			require.NotEmpty(t, m.KernelRelease)
			require.Contains(t, m.Agent.Kinds, "connection")
		}
		for _, s := range m.Stacks {
			sent[s.ID]++
			require.NotEmpty(t, s.Frames)
		}
	}
	require.Equal(t, 1, hosts)
	for id := range needed {
		if id != 0 {
			require.Equal(t, 1, sent[id], "stack %x", id)
		}
	}
	require.Greater(t, len(needed), 2)
}

// TestStatusAndMetrics asks a running agent, as an engineer would.
func TestStatusAndMetrics(t *testing.T) {
	needPrivileges(t)
	broker, listen := newKafka(t), freeAddr(t)
	p := start(t, nil, "--brokers", broker, "--listen", listen, "--symbols-delay", "0s", "--enable", "state", "--disable", "drop")
	p.healthy(listen)
	inNetNS(t, func() { traffic(t, "127.0.0.1", 1) })

	require.Eventually(t, func() bool {
		return strings.Contains(get(t, "http://"+listen+"/metrics"), `tcpledger_agent_records_total{kind="connection"}`) &&
			!strings.Contains(get(t, "http://"+listen+"/metrics"), `tcpledger_agent_published_records_total 0`)
	}, patience, 50e6)
	metrics := get(t, "http://"+listen+"/metrics")
	for _, name := range []string{"queue_bytes", "queue_limit_bytes", "settle_held", "checkpoints_total", "kernel_total", "lag_seconds",
		"published_bytes_total", "publish_errors_total", "symbol_tables_total"} {
		require.Contains(t, metrics, "tcpledger_agent_"+name)
	}
	asked := start(t, nil, "status", "--listen", listen)
	require.Equal(t, 0, asked.wait(), asked.output())
	for _, text := range []string{"PROGRAM", "on_state", "sock:inet_sock_set_state", "skb:kfree_skb not attached: not enabled", "RingBuf",
		"COUNTED IN THE AGENT", `records_total{kind="connection"}`} {
		require.Contains(t, asked.output(), text)
	}
	p.signal(syscall.SIGINT)
	require.Equal(t, 0, p.wait(), p.output())

	asked = start(t, nil, "status", "--listen", listen)
	require.Equal(t, 1, asked.wait())
	require.Contains(t, asked.output(), "no agent answers on "+listen)
}
